/**
 * The descriptors of one new child: which of ours becomes which of its own. All that is opened here is closed again
 * once the child has it, or could not be started.
 */
import { closeSync, constants, openSync } from 'node:fs'
import type { PlannedHandle, PlannedProcess, Redirection, Target } from '../../config/plan.js'
import { duplicateDescriptor, isBackgroundTerminal, makeBlocking } from '../../platform/index.js'
import { openRedirectedFile } from './redirected-file.js'

/** An end of a link, taken for a child. */
export interface TakenEnd {
  readonly link: string
  readonly side: string
  /** null: that side has no descriptor. */
  readonly fd: number | null
  /** null at 0 to 2. */
  readonly variable: string | null
}

export interface ChildDescriptors {
  /** The child's number → ours, which is above all of the child's. */
  readonly table: ReadonlyMap<number, number>
  /** Ends of links among them. */
  readonly ends: readonly TakenEnd[]
  /** Names of descriptions among them that several children share. */
  readonly shared: readonly string[]
  close(): void
}

/** Where descriptors come from; each answer is a new one, close-on-exec, for us to close. */
export interface DescriptorSources {
  takeEnd(link: string, side: string, taker: string): number
  /** Name of the description that all children at that end share; null when each has its own. */
  nameShared(link: string, side: string): string | null
  takeLog(process: string, stream: 'stdout' | 'stderr'): number
  /** True the first time in a run, for the file of a redirection. */
  isFirstUse(process: string, redirection: number): boolean
  /** True while a live instance has the description of that name. */
  isInUse(shared: string): boolean
  /** We were started without that one, so whoever inherits it has none either. */
  isClosed(fd: number): boolean
  warn(message: string): void
}

interface Placed {
  readonly descriptor: number
  readonly end: TakenEnd | null
  readonly shared: string | null
}

/** One redirection, and what those before it made. */
interface Place {
  readonly planned: PlannedProcess
  readonly index: number
  readonly fd: Redirection['fd']
  readonly table: ReadonlyMap<number, Placed>
  readonly sources: DescriptorSources
}

/** @throws IpcsupError of the first redirection that cannot be opened; then nothing stays open */
export function openChildDescriptors(planned: PlannedProcess, sources: DescriptorSources): ChildDescriptors {
  const table = new Map<number, Placed>()
  const opened = new Set<number>()
  const place = (fd: number, placed: Placed): void => {
    opened.add(placed.descriptor)
    table.set(fd, placed)
  }
  const close = (): void => {
    for (const descriptor of opened) closeSync(descriptor)
    opened.clear()
  }
  try {
    for (const [index, { fd, to }] of planned.redirections.entries()) {
      const placed = openTarget(to, { planned, index, fd, table, sources })
      if (placed === null) table.delete(fd)
      else place(fd, placed)
    }
    for (const handle of planned.handles) if (handle.fd !== null) place(handle.fd, takeEnd(handle, planned, sources))
    makeFreeOnesBlocking(table, sources)
    for (const [fd, placed] of table) place(fd, moveAbove(placed, Math.max(2, ...table.keys())))
    return { ...summarize(table, planned.handles), close }
  } catch (error) {
    close()
    throw error
  }
}

/** All three descriptors of a terminal are usually one description. */
const inherited = 'inherited'

const openers = {
  link: ({ link, side }, { fd, planned, sources }) => takeEnd({ link, side, fd, variable: null }, planned, sources),
  null: () => alone(openSync('/dev/null', constants.O_RDWR)),
  inherit: (_target, { fd, planned, sources }) => {
    if (sources.isClosed(fd)) return null
    if (fd !== 0 || !isBackgroundTerminal(0)) {
      return { descriptor: duplicateDescriptor(fd), end: null, shared: inherited }
    }
    sources.warn(
      `Process "${planned.name}" gets an empty stdin: the terminal is another job's. Start ipcsup in the foreground.`,
    )
    return alone(openSync('/dev/null', constants.O_RDONLY))
  },
  log: (_target, { fd, planned, sources }) => alone(sources.takeLog(planned.name, fd === 2 ? 'stderr' : 'stdout')),
  file: (target, { fd, planned, index, sources }) => {
    const isEmptied = target.mode === 'truncate' && sources.isFirstUse(planned.name, index)
    const mode = target.mode === 'truncate' && !isEmptied ? 'append' : target.mode
    return alone(openRedirectedFile(planned.name, fd, { ...target, mode }, planned.umask))
  },
  same: (target, { fd, table }) => {
    const same = table.get(target.fd)
    return same === undefined ? null : { ...same, end: same.end && { ...same.end, fd } }
  },
} satisfies { [T in Target['type']]: (target: Extract<Target, { type: T }>, place: Place) => Placed | null }

/** null: that descriptor is closed in the child. */
function openTarget(target: Target, place: Place): Placed | null {
  return (openers[target.type] as (target: Target, place: Place) => Placed | null)(target, place)
}

function takeEnd({ link, side, fd, variable }: TakenEnd, { name }: PlannedProcess, sources: DescriptorSources): Placed {
  const descriptor = sources.takeEnd(link, side, name)
  return { descriptor, end: { link, side, fd, variable }, shared: sources.nameShared(link, side) }
}

function alone(descriptor: number): Placed {
  return { descriptor, end: null, shared: null }
}

/** A description that a dead child left non-blocking would surprise its next user; a live one may rely on it. */
function makeFreeOnesBlocking(table: ReadonlyMap<number, Placed>, sources: DescriptorSources): void {
  for (const { descriptor, shared } of table.values()) {
    if (shared !== null && !sources.isInUse(shared)) makeBlocking(descriptor)
  }
}

/** The child's numbers are filled one after the other: a source among them could be overwritten before its turn. */
function moveAbove(placed: Placed, highest: number): Placed {
  if (placed.descriptor > highest) return placed
  return { ...placed, descriptor: duplicateDescriptor(placed.descriptor, highest + 1) }
}

function summarize(
  table: ReadonlyMap<number, Placed>,
  handles: readonly PlannedHandle[],
): Omit<ChildDescriptors, 'close'> {
  const placed = [...table.values()]
  return {
    table: new Map([...table].map(([fd, { descriptor }]) => [fd, descriptor])),
    ends: [...placed.flatMap(({ end }) => end ?? []), ...handles.filter(({ fd }) => fd === null)],
    shared: [...new Set(placed.flatMap(({ shared }) => shared ?? []))],
  }
}
