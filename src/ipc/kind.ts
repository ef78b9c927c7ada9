/**
 * THE interface of a kind of link.
 *
 * A kind is one file in `kinds/`: what its options are, what it promises (traits), how the kernel object is made and
 * kept (the supervisor's half, `create`), and how a Node program uses an end it was given (the child's half, `open`).
 * Nothing else in ipcsup names a kind: what differs between kinds is said here as data.
 *
 * Who closes what. `create` returns a {@link LinkObject} that *holds* one descriptor for each side. The host asks it
 * for a descriptor for each child with `take`, which the host closes once the child has it. `release` gives up the hold
 * of one side; from then on the kernel decides (a reader sees the end when the last descriptor of the write side is
 * gone). `destroy` gives up all that is left and removes what has a name. Both may be called twice.
 */
import type { Advice } from './advice.js'
import type { Claim } from './claims.js'
import type { ChildEnd, EndState, HandlePart, Hint, LinkFacts } from './facts.js'
import type { LinkOptions, OptionField, OptionProblem } from './options.js'

export type {
  ChildEnd,
  EndState,
  HandlePart,
  Hint,
  LinkFacts,
} from './facts.js'

/** What one process may do at one side of a link. */
export interface Side {
  /** Bytes or messages come out of the end itself (those of a listening socket come out of its connections). */
  readonly reads: boolean
  /** Bytes or messages go into the end itself. */
  readonly writes: boolean
  /** A listening or bound end: placed first among a child's descriptors, and told as systemd tells it. */
  readonly listens: boolean
  /** A child gets a descriptor; false: the path, name, number or address is all that it needs. */
  readonly descriptor: boolean
  /** No process need be there. Sides of a link with a name never need one: strangers may be there. */
  readonly optional?: boolean
  /** What a process took here and had not acknowledged when it died comes again, so its death loses nothing. */
  readonly acknowledges?: boolean
}

/** How a link is used: what its ends can do in a program, whatever the kind. */
export type Form =
  /** Bytes, from the writing side to the reading one. */
  | 'stream'
  /** Messages that stay whole, from the writing side to the reading one. */
  | 'messages'
  /** Messages in memory that the sides share; who reads acknowledges them. */
  | 'ring'
  /** A listening socket, and clients that connect to its address. */
  | 'listener'
  /** A bound socket that datagrams come to. */
  | 'datagrams'
  /** Bytes that every side maps into its memory. */
  | 'memory'
  /** Something to take and give back. */
  | 'permits'
  /** A number that one side raises and the other waits for. */
  | 'counter'
  /** What happens to one side becomes a signal to the other. */
  | 'route'
  /** Node's own channel between two Node programs. */
  | 'channel'
  /** Functions of one side that the other calls. */
  | 'calls'

/** Promises of a kind; the conformance suite shows each, true and false, by an effect. */
export interface Traits {
  /** What was written and not yet taken is still there after either process was killed and started again. */
  readonly survivesRestart: boolean
  /** A process notices the death of its peer although ipcsup still holds the link. */
  readonly showsPeerDeath: boolean
  /** One write is one read; false: writes merge. */
  readonly keepsBoundaries: boolean
  /** Every side can both read and write. */
  readonly duplex: boolean
  /** More than one process may have a reading side. */
  readonly manyReaders: boolean
  /** More than one process may have a writing side. */
  readonly manyWriters: boolean
  /** Has a name through which programs that ipcsup did not start can reach it. */
  readonly named: boolean
  /** A reader is told when every writer is finished. */
  readonly showsEnd: boolean
}

/** Which process has which side of a link. */
export type PlannedUses = readonly { readonly process: string; readonly side: string }[]

/** What the host gives a kind to make a link with. */
export interface Where {
  /** Name of the link, for messages. */
  readonly link: string
  /** Every process at every side, in the Plan's order. */
  readonly uses: PlannedUses
  /** `ipcsup.<project>.<run>.<link>`: for a named object whose name the config does not fix. At most 170 bytes. */
  readonly uniqueName: string
  /** Directory for objects of this run that need a path; exists, mode 0700. */
  readonly runDirectory: string
  /**
   * Asks to spend `bytes` of the pipe memory that all links of this supervisor share (16 MiB; the kernel gives an
   * unprivileged user 64 MiB for all programs together).
   */
  readonly mayUsePipeMemory: (bytes: number) => boolean
  /**
   * Called twice for each named object, so that the janitor finds it after a crash: before it is made (`identity`
   * null), and again before it is used. See `named-objects.ts`.
   */
  readonly record: (object: NamedObject) => void
  /** True when a dead run of the same config recorded this very object: it is ours to take over. */
  readonly wasOurs: (object: NamedObject) => boolean
  /** Whose a program is: the main process of a live instance, or what that started. null: of none. */
  readonly findOwner: (pid: number) => Owner | null
}

/** A live instance of a process of the plan. */
export interface Owner {
  readonly process: string
  /** Which incarnation of it, from 1. */
  readonly generation: number
}

/** An object that has a name and outlives its makers: what the ledger has of it. */
export interface NamedObject {
  /**
   * `file`: anything with a path, POSIX shared memory and semaphores (in /dev/shm) included. `queue`: a POSIX message
   * queue. `sysv-queue`, `sysv-semaphore`: a queue or a set of System V.
   */
  readonly type: 'file' | 'queue' | 'sysv-queue' | 'sysv-semaphore'
  /** Absolute path; of a queue `/name`; of a System V object its key, in decimal digits. */
  readonly name: string
  /** What the kernel tells it by, unlike any other that ever had the name; null: about to be made. */
  readonly identity: string | null
}

export interface LinkObject {
  /**
   * A descriptor of `side` for one new child, close-on-exec; blocking unless an option says otherwise. The caller closes it.
   * A fresh open file description where the kind allows one, else a duplicate. Only for sides that have one.
   *
   * @param taker - the process; by default the embedding app, or a program outside
   */
  take(side: string, taker?: string): number
  /** True when two children share a description here (so the host clears O_NONBLOCK before each spawn). */
  readonly sharesDescription: boolean
  /** What to tell a child about this link. */
  hint(): Hint
  /**
   * Gives up the hold of a side. `over`: every use is finished, so the end must come now whatever descendants still
   * hold; `sealed`: the descriptors that live children have decide.
   * Returns the bytes that nobody will read any more, where this was the last hold of a reading side; else null.
   */
  release(side: string, reason: 'over' | 'sealed'): number | null
  /** How `side` stands; for `process`, where it is not the same for all who have that side. */
  state(side: string, process?: string): EndState
  facts(): LinkFacts
  /**
   * Called after each exit of a process with that side, for what such an end may have broken; again once nothing of its
   * group is left; and when it could not be spawned.
   */
  mend?(side: string, process?: string): void
  /**
   * The use of one process is over, while others of that side may go on. Only of a kind with `tracksUses`. May be called
   * again. Should the process be started again after all, it `take`s its end as ever.
   */
  leave?(side: string, process: string): void
  /** Calls back each time somebody writes to `side`, for a link that the supervisor itself listens to. Once. */
  onCall?(side: string, call: () => void): void
  /** Brings to the disk what was written, where that is where it belongs; called before `destroy`. */
  flush?(): Promise<void>
  /** Gives up all holds and removes what has a name (only while it is still the object that was made). */
  destroy(): void
}

/** What every kind makes of an end in a Node program: a stream, or an object that is closed and says so likewise. */
export type OpenEnd = { once(event: 'close', listener: () => void): unknown } & (
  | { destroy(): unknown }
  | { close(): unknown }
)

/** A route: what at one side becomes which signal at the other. */
export interface Route {
  readonly from: string
  readonly to: string
  readonly on: 'exit' | 'ready' | 'call'
  readonly signal: string
}

export interface Kind {
  /** Same as the file's name; what a config says. */
  readonly name: string
  /** One line: what it is good for. */
  readonly summary: string
  /** Where it exists, as `process.platform` names it. */
  readonly systems: readonly string[]
  readonly options: Readonly<Record<string, OptionField>>
  /** Variants worth a run of the conformance suite, by a readable name: the options of each, as a config has them. */
  readonly variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  form(options: LinkOptions): Form
  sides(options: LinkOptions): Readonly<Record<string, Side>>
  traits(options: LinkOptions): Traits
  /** Parts of its handle that placeholders may ask for; `fd` goes without saying where a side has a descriptor. */
  parts(options: LinkOptions): readonly Exclude<HandlePart, 'fd'>[]
  /**
   * What is wrong in options that each are right; told with all other errors of a config.
   *
   * @param given - what the config itself says, without the defaults
   */
  check?(options: LinkOptions, given: Readonly<Record<string, unknown>>): readonly OptionProblem[]
  /** What is wrong in who uses it; then nothing else is said of its users. */
  checkUses?(options: LinkOptions, uses: PlannedUses): readonly OptionProblem[]
  /** What only one link can have, where the options fix it; they may be wrong. Two with the same are an error of a config. */
  claim?(options: LinkOptions): Claim | null
  /**
   * What a user chooses between, for `ipcsup advise`: options as a config has them, no more than matter, the usual ones first.
   * By a name of `bench -- ipc` where they were measured apart. Default: one, without options.
   */
  readonly choices?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Where it differs from `usualAdvice`. */
  advice?(options: LinkOptions): Partial<Advice>
  /** The lifetime of a link whose config says none. Default: `auto`. `reset` where half a message breaks the survivor. */
  readonly defaultLifetime?: 'auto' | 'hold' | 'reset'
  /** A process can have only one end of this kind. */
  readonly onePerProcess?: boolean
  /** Its object must know of each use that is over, not only of the last one of a side: see `leave`. */
  readonly tracksUses?: true
  /** What the supervisor does of itself, for a link that is a route. */
  route?(options: LinkOptions): Route
  /** Variables that a program with this end finds besides those of the handoff. */
  variables?(descriptor: number, options: LinkOptions): Readonly<Record<string, string>>
  /** Makes the kernel object, all or nothing. Throws an IpcsupError that names the link. */
  create(options: LinkOptions, where: Where): LinkObject
  /** Opens an end inside a Node process; what it makes of it owns the descriptor. */
  open(end: ChildEnd, options: LinkOptions): Promise<OpenEnd>
}
