/** What is told of a link: to its children, and to whoever asks how it stands. */

/** What a child can be told about a link besides a descriptor number. */
export interface Hint {
  readonly path?: string
  /** Of a POSIX object, `/name`; of an abstract socket, `@name`. */
  readonly name?: string
  readonly host?: string
  readonly port?: number
  /** Number of a System V object. */
  readonly id?: number
  /** Its key, for programs whose language finds it by that. */
  readonly key?: number
}

/** What a placeholder can ask for. `natural`: what a program that takes a file name or an address wants. */
export type HandlePart = 'natural' | 'fd' | keyof Hint

/** Live facts for status and graph; only what was observed, unknown is null. */
export interface LinkFacts extends Hint {
  /** Bytes that were written and not yet read; of what holds no bytes null. */
  readonly queuedBytes: number | null
  /** What the kernel granted; the size of memory. */
  readonly capacityBytes: number | null
  /** Messages that were sent and not yet received. */
  readonly messages?: number | null
  /** Connections that wait to be accepted; processes that the kernel lets wait for a permit. */
  readonly waiting?: number | null
  /** Permits that are free, for each member; what a counter stands at. */
  readonly value?: number | readonly number[] | null
  /** Pids that hold it. */
  readonly holders?: readonly number[] | null
  /** Pid of who last took or gave back a permit, alive or not, for each member; null: nobody did. */
  readonly lastUsers?: readonly (number | null)[] | null
  /** Of these pids those that belong to a process of the graph, with its name: itself, or what it started. */
  readonly holderNames?: Readonly<Record<number, string>>
  /** Who serves it, and how busy they are. */
  readonly service?: ServiceFacts
  /** How its readers keep up. */
  readonly ring?: RingFacts
}

export interface RingFacts {
  /** What each reader that has not finished still has to acknowledge, by its process. */
  readonly lag: Readonly<Record<string, ReaderLag>>
  /** Messages that were not sent because there was no room. */
  readonly dropped: number
  /** Messages that were gone before their reader came to them. */
  readonly missed: number
  /** How often a writer found no room and waited. */
  readonly stalls: number
  /** Why nobody uses it any more; null: nothing is wrong with it. */
  readonly damage: string | null
}

export interface ReaderLag {
  readonly bytes: number
  readonly messages: number | null
}

export interface ServiceFacts {
  /** What a call that failed on its way means. */
  readonly guarantee: string
  /** Processes that may serve, because they are not finished; whether they do is another matter. */
  readonly servers: readonly string[]
  /** Calls of all instances so far, as far as these tell. */
  readonly calls: number
  /** Of these, those that are not answered. */
  readonly outstanding: number
  /** Who serves now. */
  readonly instances: readonly ServingInstance[]
}

export interface ServingInstance {
  /** Its name; empty: a program outside, or the one that embeds ipcsup. */
  readonly process: string
  readonly generation: number
  readonly pid: number
  /** What can be called, and how many arguments it takes; null: it does not tell. */
  readonly methods: Readonly<Record<string, number | null>>
  /** null: it does not tell. */
  readonly calls: number | null
  readonly outstanding: number | null
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

/** A child's half of an end: what the handoff told it. */
export interface ChildEnd {
  /** Name of the link, for messages. */
  readonly link?: string
  /** -1 where the side has none. */
  readonly descriptor: number
  readonly side: string
  readonly hint: Hint
  /** No process of the config has it, whatever the environment says: it is that of the app which embeds the supervisor. */
  readonly isOfApp?: true
}
