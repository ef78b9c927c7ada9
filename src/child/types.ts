/** What `link()` makes of a link, by the config that declares it. Types only. */
import type { kinds } from '../ipc/kinds/index.js'

/** Anything with links, such as `typeof config` of what `defineConfig` gave. */
interface WithLinks {
  readonly links?: Readonly<Record<string, { readonly kind: string }>> | undefined
}

/** The names of the links of that config; any name where no config is given. */
export type LinkName<Given> = Given extends { readonly links: infer Links } ? keyof Links & string : string

/**
 * What `link()` gives for that link of that config, by its kind; where `Given` is no config, `Given` itself.
 *
 * Which side a process has is not a matter of the link, so a pipe is a Readable or a Writable.
 */
export type EndOf<Given, Name extends string> = Given extends WithLinks & { readonly links: infer Links }
  ? Name extends keyof Links
    ? EndOfKind<Links[Name]>
    : never
  : Given

type EndOfKind<Link> = Link extends { readonly kind: infer Kind extends keyof typeof kinds }
  ? Awaited<ReturnType<(typeof kinds)[Kind]['open']>>
  : never
