/**
 * The wire of a service: lines of JSON, each one object, in UTF-8. `docs/service-wire.md` has it for other languages.
 *
 * There are two sockets. At the **meeting socket** of the link, which the supervisor answers, programs learn where the
 * instances are, and instances say that they serve. At the **socket of an instance** calls are made, directly.
 */

export { createLineReader, encodeLine, isTooLong, longestLineBytes, nameMembers } from './lines.js'

export const guarantees = ['at-most-once', 'at-least-once', 'exactly-once'] as const

export type Guarantee = (typeof guarantees)[number]

/**
 * The first line of an instance at the meeting socket, once it serves. The connection stays open: its end is the end of
 * the registration. It is answered by a {@link Directory}, as everybody is.
 */
export interface RegisterLine {
  readonly register: {
    /** Name of the process, as IPCSUP_PROCESS says. */
    readonly process: string
    /** As IPCSUP_GENERATION says. A later one replaces an earlier one of the same process at once. */
    readonly generation: number
    /** What can be called, for `ipcsup services` and for the calls of other languages. */
    readonly methods: readonly string[]
    /** How many arguments each of them takes, of those where that is known. */
    readonly arity?: Readonly<Record<string, number>>
    /** It sends {@link TookLine} to those who want it. Else nothing can be concluded from there being none. */
    readonly took?: boolean
    /** It can be offered memory: see {@link RingLine}. */
    readonly ring?: boolean
  }
}

/** How busy a registered instance is, for `ipcsup services`: when it has changed, and not more than once a second. */
export interface LoadLine {
  readonly load: {
    /** Calls that it has begun since it registered. */
    readonly calls: number
    /** Of these, those that are not answered. */
    readonly outstanding: number
  }
}

/** An instance is about to stop: it finishes what it has, and is given no new calls. The connection stays open. */
export interface UnregisterLine {
  readonly unregister: true
}

/** Asks for the directory once more. Not needed: everybody is told it, at once and after each change. */
export interface FindLine {
  readonly find: true
}

/** What is said to the meeting socket. */
export type MeetingLine = RegisterLine | LoadLine | UnregisterLine | FindLine

/** An instance that serves now. */
export interface Instance {
  readonly process: string
  readonly generation: number
  /** Of its socket, which outlives its incarnations. The supervisor knows it: it made the socket. */
  readonly path: string
  readonly methods: readonly string[]
  /** As it has registered. */
  readonly took: boolean
  readonly ring: boolean
}

/**
 * What the meeting socket tells everybody: when they connect, and again, as a whole, after each change.
 *
 * A program that serves connects first, takes its guarantee and its store from this, and then registers.
 */
export interface Directory {
  /** Name of the link. */
  readonly service: string
  readonly guarantee: Guarantee
  /** Directory for the stores of the instances, which each call theirs `<process>.store`; made when it is needed. */
  readonly store: string
  /** Names of the processes that may serve, whether they do now or not, those that are finished too. */
  readonly servers: readonly string[]
  readonly instances: readonly Instance[]
  /** Serving processes that will never come back: no call waits for them. */
  readonly finished: readonly string[]
  /** Every serving process is finished: nobody waits any more. */
  readonly over: boolean
}

/** What the meeting socket says before it closes a connection whose line it does not understand. */
export interface ComplaintLine {
  readonly error: ErrorOnWire
}

/** An error as it crosses. */
export interface ErrorOnWire {
  readonly name: string
  readonly message: string
  readonly code?: string | number
}

/** Number or text, chosen by the caller, unlike any other of its calls on this connection that is not answered yet. */
export type CallId = number | string

/** The first line of a caller, if it wants: who it is, and whether it wants to know how far its calls were read. */
export interface HelloLine {
  readonly hello: {
    /** Name of its process, if it has one; the context of a handler has it. */
    readonly process?: string
    /** Wants {@link TookLine}. */
    readonly took?: boolean
  }
}

export interface CallLine {
  readonly id: CallId
  /** The method. */
  readonly call: string
  /** Default: none. */
  readonly args?: readonly unknown[]
  /** Names the call for ever, over all connections: with `exactly-once` it is done once however often it comes. */
  readonly key?: string
  /** When the key was made, in ms since 1970: who forgets keys by age knows whether it can have forgotten this one. */
  readonly made?: number
  /** So many items of a stream may come at once. */
  readonly more?: number
}

/** So many more items of a stream may come. */
export interface MoreLine {
  readonly id: CallId
  readonly more: number
}

/** Nobody wants the answer any more. None comes. */
export interface CancelLine {
  readonly id: CallId
  readonly cancel: true
}

/** The answers to these keys have arrived: they will not be asked for again, and can be forgotten. */
export interface ForgetLine {
  readonly forget: readonly string[]
}

/** Two rings, in memory that only their two users have. */
export interface RingOffer {
  /** Descriptors of the caller: of the ring that it writes to, and of the one that it reads from. */
  readonly there: number
  readonly back: number
  /** Name of both slots in both. */
  readonly name: string
}

/**
 * The way from the socket to memory, between two programs of one user. The caller offers it to an instance that has
 * registered as one that can, and the instance says `open` or `no`. After `open` the caller says `on`, then the instance:
 * it is the last line of each at the socket, and what it says afterwards is in its ring, the same lines.
 */
export interface RingLine {
  readonly ring: RingOffer | 'open' | 'no' | 'on'
}

/**
 * In memory a line can be short: the items of a list, of which the first is a number. What is said most, calls without a
 * key and values, takes a fraction of the time then. So many items each has:
 */
export const shortLines = {
  /** `1,"add",[10,20]` is `{"id":1,"call":"add","args":[10,20]}`. */
  call: 3,
  /** `1,30` is `{"id":1,"value":30}`. */
  value: 2,
}

/** What is said to an instance. */
export type RequestLine = HelloLine | CallLine | MoreLine | CancelLine | ForgetLine | RingLine

/**
 * The calls up to this one, in the order in which they were sent on this connection, were read. It is sent before any of
 * them begins: a connection that ends without it proves that they never began.
 */
export interface TookLine {
  readonly took: CallId
}

export interface ValueLine {
  readonly id: CallId
  readonly value: unknown
}

export interface ErrorLine {
  readonly id: CallId
  readonly error: ErrorOnWire
}

/** The result is a stream: items come, as many as are allowed, then `done` or an error. */
export interface StreamLine {
  readonly id: CallId
  readonly stream: true
}

export interface ItemLine {
  readonly id: CallId
  readonly item: unknown
}

export interface DoneLine {
  readonly id: CallId
  readonly done: true
}

/** The instance stops. The call was not begun, and never will be here: it can be made elsewhere. */
export interface RefusedLine {
  readonly id: CallId
  readonly refused: true
}

/** What an instance says. */
export type ReplyLine =
  | TookLine
  | ValueLine
  | ErrorLine
  | StreamLine
  | ItemLine
  | DoneLine
  | RefusedLine
  | RingLine
  | ComplaintLine

/** Any line. */
export type Line = MeetingLine | Directory | RequestLine | ReplyLine
