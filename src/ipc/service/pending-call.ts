/** A call that this program waits for. */
import { IpcsupError } from '../../errors.js'
import type { EncodedArguments } from './call-texts.js'
import type { IncomingStream } from './incoming-stream.js'

export interface CallKey {
  readonly name: string
  /** Made here, for this one call: nobody will ask for it again. */
  readonly isOwn: boolean
  /** What the line says of it. */
  readonly text: string
}

/** Who is to make the call, and what becomes of it. */
export class PendingCall {
  readonly service: string
  readonly method: string
  /** As the line has them: `"add"` and `[10,20]`. */
  readonly quotedMethod: string
  readonly args: EncodedArguments
  /** What the caller names it by, for ever. */
  readonly id: string | null
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #onSettle: (call: PendingCall) => void
  #cleanUp: (() => void) | null = null
  #timer: NodeJS.Timeout | undefined
  /** Where it was sent; null: it waits for an instance. */
  place: CallPlace | null = null
  /** Number on that connection. */
  number = 0
  /** It may have reached this process, whose store alone knows: nobody else can be asked. */
  boundTo: string | null = null
  /** Of a service that does calls once. */
  key: CallKey | null = null
  stream: IncomingStream | null = null
  constructor(
    service: string,
    method: string,
    quotedMethod: string,
    args: EncodedArguments,
    id: string | null,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    onSettle: (call: PendingCall) => void,
  ) {
    this.service = service
    this.method = method
    this.quotedMethod = quotedMethod
    this.args = args
    this.id = id
    this.#resolve = resolve
    this.#reject = reject
    this.#onSettle = onSettle
  }

  /** As messages name it. */
  get title(): string {
    return `${this.service}.${this.method}`
  }

  /** Given up by `timeoutMs` and `signal`, as is the stream that answers it; `explain` says what it waits for. */
  limit(timeoutMs: number | undefined, signal: AbortSignal | undefined, explain: () => string): void {
    const giveUp = (error: unknown): void => {
      if (this.stream !== null) return this.stream.giveUp(error)
      this.place?.cancel(this)
      this.reject(error)
    }
    const abort = (): void => giveUp(signal?.reason)
    const expire = (): void => {
      giveUp(new IpcsupError('IPCSUP_ERR_CALL_TIMEOUT', { call: this.title, timeoutMs: timeoutMs!, why: explain() }))
    }
    const timer = timeoutMs !== undefined && timeoutMs <= longestTimeoutMs ? setTimeout(expire, timeoutMs) : undefined
    signal?.addEventListener('abort', abort)
    this.#timer = timer
    this.#cleanUp = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** It is answered by a stream. */
  begin(stream: IncomingStream): void {
    this.stream = stream
    // Only who waits for an item keeps the program alive from now on.
    this.#timer?.unref()
    this.place = null
    this.#onSettle(this)
    this.#resolve(stream)
  }

  /** The stream is over. */
  endLimits(): void {
    this.#cleanUp?.()
    this.#cleanUp = null
  }

  resolve(value: unknown): void {
    this.#settle()
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.place = null
    this.endLimits()
    this.#onSettle(this)
  }
}

/** The connection that a call was sent through. */
export interface CallPlace {
  cancel(call: PendingCall): void
}

/** What no timer can count is no limit. */
const longestTimeoutMs = 2 ** 31 - 1

/** @param why - goes on from "is not known: " */
export function fateUnknown(call: PendingCall, why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_CALL_UNKNOWN', { call: call.title, why })
}
