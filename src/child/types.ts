/** What `link()` makes of a link, by the config that declares it. Types only. */
import type { FrameEnd } from '../ipc/frames/ends.js'
import type { kinds } from '../ipc/kinds/index.js'
import type { RingReader, RingWriter } from '../ipc/ring-end.js'

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
  ? OfCodec<Link, OfFrames<Link, Awaited<ReturnType<(typeof kinds)[Kind]['open']>>>>
  : never

/** What a message of a ring can be. */
type OfCodec<Link, End> = End extends RingWriter
  ? RingWriter<IsEncoded<Link> extends true ? unknown : string | Uint8Array>
  : End extends FrameEnd
    ? End
    : End extends RingReader
      ? RingReader<IsEncoded<Link> extends true ? unknown : string | Buffer>
      : End

type IsEncoded<Link> = Link extends { readonly codec: 'json' | 'msgpack' } ? true : false

/** With `frame` a link of bytes has ends of messages. */
type OfFrames<Link, End> = Link extends { readonly frame: string } ? Extract<End, FrameEnd> : Exclude<End, FrameEnd>
