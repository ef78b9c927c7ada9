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

/** What one process may do at one side of a link. */
export interface Side {
  /** Bytes or messages come out here. */
  readonly reads: boolean
  /** Bytes or messages go in here. */
  readonly writes: boolean
  /** A listening or bound end: placed first among a child's descriptors. */
  readonly listens: boolean
}

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

/** One option of a kind, in the vocabulary that the config schema is made from. */
export type OptionField = { readonly about: string } & (
  | { readonly type: 'size' | 'mode' | 'path' | 'string' | 'boolean' | 'user' | 'group' }
  | { readonly type: 'integer'; readonly min: number; readonly max: number }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
) &
  ({ readonly required: true } | { readonly required: false; readonly default: string | number | boolean | null })

/** Options as the Plan has them: units resolved, defaults filled in, paths absolute. */
export type LinkOptions = Readonly<Record<string, string | number | boolean | null>>

/** What the host gives a kind to make a link with. */
export interface Where {
  /** Name of the link, for messages. */
  readonly link: string
  /** Directory for objects of this run that need a path; exists, mode 0700. */
  readonly runDirectory: string
  /**
   * Asks to spend `bytes` of the pipe memory that all links of this supervisor share (16 MiB; the kernel gives an
   * unprivileged user 64 MiB for all programs together).
   */
  readonly mayUsePipeMemory: (bytes: number) => boolean
  /** Called with each named object before it is used, so that the janitor finds it after a crash. */
  readonly record: (object: NamedObject) => void
  /** True when a dead run of the same config recorded this object: it is ours to take over. */
  readonly wasOurs: (object: NamedObject) => boolean
}

/** A named object in the file system: what the ledger has of it. Only removed while device and inode still match. */
export interface NamedObject {
  readonly path: string
  readonly device: number
  readonly inode: number
}

/** What a child can be told about a link besides a descriptor number. */
export interface Hint {
  readonly path?: string
  readonly name?: string
  readonly host?: string
  readonly port?: number
}

/** Live facts for status and graph; only what was observed, unknown is null. */
export interface LinkFacts {
  /** Bytes that were written and not yet read. */
  readonly queuedBytes: number | null
  /** What the kernel granted. */
  readonly capacityBytes: number | null
  /** Path of a link that has one. */
  readonly path?: string
}

/** How one end looks from the hold: for a reader its input, for a writer its audience. */
export type EndState =
  /** The other side is there. */
  | 'open'
  /** Reader: every writer is gone and nothing is left. Writer: no reader is left. */
  | 'ended'
  /** Reader: every writer is gone but something is left to read. */
  | 'unread'
  /** The hold was given up, so the host cannot know. */
  | 'unknown'

export interface LinkObject {
  /**
   * A descriptor of `side` for one new child, close-on-exec, blocking. The caller closes it.
   * A fresh open file description where the kind allows one, else a duplicate.
   */
  take(side: string): number
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
  /** How `side` stands. */
  state(side: string): EndState
  facts(): LinkFacts
  /** Gives up all holds and removes what has a name (only while it is still the object that was made). */
  destroy(): void
}

/** A child's half of an end: what the handoff told it. */
export interface ChildEnd {
  readonly descriptor: number
  readonly side: string
  readonly hint: Hint
}

export interface Kind {
  /** Same as the file's name; what a config says. */
  readonly name: string
  /** One line: what it is good for. */
  readonly summary: string
  /** Where it exists, as `process.platform` names it. */
  readonly systems: readonly string[]
  readonly sides: Readonly<Record<string, Side>>
  readonly options: Readonly<Record<string, OptionField>>
  /** Variants worth a run of the conformance suite, by a readable name: the options of each, as a config has them. */
  readonly variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  traits(options: LinkOptions): Traits
  /** Makes the kernel object, all or nothing. Throws an IpcsupError that names the link. */
  create(options: LinkOptions, where: Where): LinkObject
  /** Opens an end inside a Node process; the stream owns the descriptor. */
  open(end: ChildEnd, options: LinkOptions): Promise<unknown>
}
