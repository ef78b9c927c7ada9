/**
 * The handoff: how a child is told about its ends of links. For every language; `docs` has it as a page.
 *
 * For a link whose variable is LINES the environment has, as they apply, `IPCSUP_FD_LINES` (descriptor number),
 * `IPCSUP_PATH_LINES`, `IPCSUP_NAME_LINES`, `IPCSUP_ADDR_LINES` (`host:port`), `IPCSUP_ID_LINES` and `IPCSUP_KEY_LINES`
 * (number and key of a System V object); and `IPCSUP_LINKS`, one JSON object that has every end the process was given, by link, those at descriptors 0 to 2 included.
 *
 * Listening and bound ends have the lowest numbers from 3 on, in declared order, because systemd's LISTEN_FDS is a
 * count from 3. The Plan has numbered them so already; nothing is numbered here. Of systemd's three variables LISTEN_PID
 * is missing here: only the child itself knows its pid.
 */
import type { HandlePart, Hint } from './kind.js'
import type { LinkOptions } from './options.js'

/** One end that a process has. */
export interface HandedEnd {
  readonly link: string
  readonly kind: string
  readonly side: string
  /** null: that side has none. */
  readonly fd: number | null
  /** A listening or bound end. */
  readonly listens: boolean
  /** Variables that its kind adds. */
  readonly variables: Readonly<Record<string, string>>
  /** Suffix of its variables; null for an end at 0 to 2, whose number needs no telling. */
  readonly variable: string | null
  readonly hint: Hint
  readonly options: LinkOptions
  /** What its descriptor is of ({@link ToldEnd.is}). */
  readonly is?: string | null
}

/** One row of IPCSUP_LINKS. */
export interface ToldEnd extends Hint {
  readonly kind: string
  readonly side: string
  readonly fd: number | null
  readonly options: LinkOptions
  /**
   * What the descriptor is of, as `identifyDescriptor` has it: who was started by a program that did not pass the
   * descriptor on finds something else at its number. Not there: unknown.
   */
  readonly is?: string
}

/** Who a child is. */
export interface Identity {
  readonly process: string
  readonly generation: number
  readonly run: string
}

/** The variables that ipcsup adds to the environment of a child. */
export function describeHandoff(identity: Identity, ends: readonly HandedEnd[]): Record<string, string> {
  const variables: Record<string, string> = {
    IPCSUP_RUN: identity.run,
    IPCSUP_PROCESS: identity.process,
    IPCSUP_GENERATION: String(identity.generation),
  }
  const links = withoutPrototype<ToldEnd>()
  for (const end of ends) {
    const { kind, side, fd, hint, options, is } = end
    links[end.link] ??= { kind, side, fd, ...hint, options, ...(is && { is }) }
    if (end.variable !== null) Object.assign(variables, describeEnd(end, end.variable))
    Object.assign(variables, end.variables)
  }
  Object.assign(variables, describeListening(ends))
  if (ends.length > 0) variables['IPCSUP_LINKS'] = JSON.stringify(links)
  return variables
}

/** Text in which `{ link, part }` stands for a handle, as the Plan has it. */
export type HandleTemplate = readonly (string | { readonly link: string; readonly part: HandlePart })[]

/** What a child finds of it; by link, empty for a program that ipcsup did not start. */
export function readHandoff(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, ToldEnd>> {
  const text = environment['IPCSUP_LINKS']
  return Object.assign(withoutPrototype<ToldEnd>(), text === undefined ? {} : JSON.parse(text))
}

/** By name of a link, which may be `constructor` or `toString`. */
function withoutPrototype<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>
}

/** The text with the handles of `ends` in the places of links. */
export function fillTemplate(template: HandleTemplate, ends: readonly HandedEnd[]): string {
  return template.map(part => (typeof part === 'string' ? part : fillPlaceholder(part, ends))).join('')
}

function describeEnd(end: HandedEnd, variable: string): Record<string, string> {
  const { path, name, host, id, key } = end.hint
  return {
    ...(end.fd !== null && { [`IPCSUP_FD_${variable}`]: String(end.fd) }),
    ...(path !== undefined && { [`IPCSUP_PATH_${variable}`]: path }),
    ...(name !== undefined && { [`IPCSUP_NAME_${variable}`]: name }),
    ...(host !== undefined && { [`IPCSUP_ADDR_${variable}`]: formatAddress(end.hint) }),
    ...(id !== undefined && { [`IPCSUP_ID_${variable}`]: String(id) }),
    ...(key !== undefined && { [`IPCSUP_KEY_${variable}`]: String(key) }),
  }
}

/** As sd_listen_fds(3) wants it. */
function describeListening(ends: readonly HandedEnd[]): Record<string, string> {
  const listening = ends.filter(({ listens, fd }) => listens && fd !== null && fd > 2)
  if (listening.length === 0) return {}
  return { LISTEN_FDS: String(listening.length), LISTEN_FDNAMES: listening.map(({ link }) => link).join(':') }
}

/** `host:port`, with brackets around an address that has colons itself. */
export function formatAddress({ host = '', port }: Hint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function fillPlaceholder(
  placeholder: { readonly link: string; readonly part: HandlePart },
  ends: readonly HandedEnd[],
): string {
  const end = ends.find(({ link }) => link === placeholder.link)
  // The Plan has no placeholder of a link that the process has no end of.
  return end ? String(parts[placeholder.part](end) ?? '') : ''
}

const parts = {
  natural: ({ fd, hint }) =>
    hint.path ?? hint.name ?? (hint.host === undefined ? (hint.id ?? `/dev/fd/${fd}`) : formatAddress(hint)),
  fd: ({ fd }) => fd ?? undefined,
  path: ({ hint }) => hint.path,
  name: ({ hint }) => hint.name,
  host: ({ hint }) => hint.host,
  port: ({ hint }) => hint.port,
  id: ({ hint }) => hint.id,
  key: ({ hint }) => hint.key,
} satisfies Record<HandlePart, (end: HandedEnd) => string | number | undefined>
