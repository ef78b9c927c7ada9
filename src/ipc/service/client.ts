/** The calling end of a service, in a program. */
import { randomBytes } from 'node:crypto'
import { IpcsupError } from '../../errors.js'
import { closedEnd } from '../closed-end.js'
import { beginEnd, type ClosableEnd } from '../open-end.js'
import { errnoOf } from '../refusal.js'
import type { CallOptions } from './api.js'
import { checkOptions } from './call-options.js'
import { CallTexts } from './call-texts.js'
import type { Connection, ConnectionOwner, Ended } from './connection.js'
import { chooseKeeper, InstancePool } from './instance-pool.js'
import { type Meeting, openMeeting } from './meeting.js'
import { type CallKey, fateUnknown, PendingCall } from './pending-call.js'
import type { Directory } from './wire.js'

export interface ClientPlace {
  /** Name of the service, for messages. */
  readonly service: string
  /** Path of the meeting socket. */
  readonly meeting: string
  /** Name of the process that calls, if it has one. */
  readonly process?: string | undefined
}

const longestTimerMs = 2 ** 31 - 1

/** Calls to one service. Connects when it is first needed. Only calls that wait keep the program alive. */
export class ServiceClient implements ConnectionOwner, ClosableEnd {
  readonly #place: ClientPlace
  readonly #life = beginEnd(() => this.#release())
  readonly once = this.#life.once
  readonly #pool: InstancePool
  #meeting: Meeting | null = null
  /** Resolves with the first directory; null: there is no connection. */
  #met: Promise<void> | null = null
  /** In the order in which they are to be sent. */
  #waiting = new Set<PendingCall>()
  /** Keeps the program alive while somebody waits. */
  readonly #keeper = setInterval(() => {}, longestTimerMs).unref()
  #holds = 0
  readonly #name = randomBytes(12).toString('base64url')
  #keys = 0
  readonly #texts: CallTexts

  constructor(place: ClientPlace) {
    this.#place = place
    this.#texts = new CallTexts(place.service)
    this.#pool = new InstancePool(place.process, this, () => this.#dispatchWaiting())
  }

  /**
   * Calls `method`: every argument is an argument. What a stream answers is an AsyncIterable.
   *
   * @throws (rejects with) the error of the handler, or an IpcsupError: `IPCSUP_ERR_CALL_UNKNOWN`,
   *   `IPCSUP_ERR_CALL_TIMEOUT`, `IPCSUP_ERR_CALL_ENCODING`, `IPCSUP_ERR_NO_SUCH_METHOD`, `IPCSUP_ERR_SERVICE_OVER`
   */
  call(method: string, args: readonly unknown[], options?: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const text = this.#texts.encode(method, args)
      const name = this.#texts.quote(method)
      const id = typeof options?.id === 'string' ? `${method}:${options.id}` : null
      const call = new PendingCall(this.#place.service, method, name, text, id, resolve, reject, this.#onSettle)
      const { timeout, signal } = checkOptions(call, options)
      this.hold()
      if (timeout !== undefined || signal !== undefined) call.limit(timeout, signal, () => this.#explainWait(call))
      this.#dispatch(call)
    })
  }

  /** What is known of the service now; waits for the first answer of the supervisor. */
  async find(): Promise<Directory> {
    if (!this.#life.isOpen()) throw this.#closedError()
    await this.#meet()
    if (this.#pool.directory === null) throw this.#overError('find', 'the supervisor said nothing')
    return this.#pool.directory
  }

  #onSettle = (call: PendingCall): void => {
    this.letGo()
    if (this.#waiting.size > 0) this.#waiting.delete(call)
  }

  /** Sends it, or has it wait. */
  #dispatch(call: PendingCall): void {
    if (!this.#life.isOpen()) return call.reject(this.#closedError())
    this.#bindById(call)
    const why = this.#refusalOf(call)
    if (why !== null) return call.reject(why)
    const connection = this.#pool.choose(call.boundTo)
    if (connection !== null) return this.#send(connection, call)
    this.#waiting.add(call)
    this.#meet().catch(error => this.#refuseWaiting(`nobody answers at ${this.#place.meeting} (${errnoOf(error)})`))
  }

  /** Who calls with the same id is to find the store that knows it, whoever else serves, and has fewer calls. */
  #bindById(call: PendingCall): void {
    const { directory } = this.#pool
    if (call.id === null || call.boundTo !== null || directory?.guarantee !== 'exactly-once') return
    if (directory.servers.length > 0) call.boundTo = chooseKeeper(directory.servers, call.id)
  }

  #send(connection: Connection, call: PendingCall): void {
    if (this.#pool.directory!.guarantee === 'exactly-once') call.key ??= this.#makeKey(call.id)
    connection.send(call)
  }

  #makeKey(given: string | null): CallKey {
    if (given !== null) return { name: given, isOwn: false, text: `,"key":${JSON.stringify(given)}` }
    const name = `${this.#name}:${++this.#keys}`
    return { name, isOwn: true, text: `,"key":"${name}","made":${Date.now()}` }
  }

  /** Why nobody will ever answer it; null: somebody may. */
  #refusalOf(call: PendingCall): IpcsupError | null {
    if (this.#pool.directory === null) return null
    const { over, finished } = this.#pool.directory
    if (call.boundTo !== null && (over || finished.includes(call.boundTo)))
      return fateUnknown(call, `only "${call.boundTo}" knows, which is finished and will not tell`)
    return over ? this.#overError(call.title, 'every process that serves it is finished') : null
  }

  #closedError(): IpcsupError {
    return closedEnd(this.#place.service, 'client')
  }

  #overError(call: string, why: string): IpcsupError {
    return new IpcsupError('IPCSUP_ERR_SERVICE_OVER', { call, why })
  }

  #dispatchWaiting(): void {
    for (const call of this.#takeWaiting()) this.#dispatch(call)
  }

  #takeWaiting(): ReadonlySet<PendingCall> {
    const waiting = this.#waiting
    this.#waiting = new Set()
    return waiting
  }

  #refuseWaiting(why: string): void {
    for (const call of this.#takeWaiting()) {
      const { boundTo } = call
      call.reject(boundTo === null ? this.#overError(call.title, why) : fateUnknown(call, why))
    }
  }

  #meet(): Promise<void> {
    this.#met ??= this.#openMeeting()
    return this.#met
  }

  async #openMeeting(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        openMeeting(this.#place.meeting, {
          onDirectory: directory => {
            this.#pool.take(directory)
            this.#dispatchWaiting()
            resolve()
          },
          onEnd: why => {
            this.#forgetMeeting()
            reject(new IpcsupError('IPCSUP_ERR_SERVICE_WIRE', { service: this.#place.service, why }))
            this.#refuseWaiting(why)
          },
        }).then(meeting => {
          this.#meeting = meeting
          if (!this.#life.isOpen()) meeting.close()
        }, reject)
      })
    } catch (error) {
      this.#met = null
      throw error
    }
  }

  /** Without a supervisor the instances that are there still answer; the next call asks again. */
  #forgetMeeting(): void {
    this.#met = null
    this.#meeting = null
  }

  onRefused(connection: Connection, call: PendingCall): void {
    this.#pool.retire(connection)
    call.place = null
    this.#dispatch(call)
  }

  onEnd(connection: Connection, calls: readonly Ended[], why: Error | null): void {
    this.#pool.drop(connection)
    if (!this.#life.isOpen()) {
      for (const { call } of calls) call.reject(this.#closedError())
      return
    }
    const again = calls.filter(ended => this.#mayRepeat(connection, ended, why)).map(({ call }) => call)
    // They were first.
    this.#waiting = new Set([...again, ...this.#waiting])
    if (again.length > 0) this.#dispatchWaiting()
  }

  #mayRepeat({ instance }: Connection, { call, isUntouched }: Ended, why: Error | null): boolean {
    const { guarantee } = this.#pool.directory!
    if (isUntouched || guarantee === 'at-least-once') return true
    if (guarantee === 'exactly-once') {
      call.boundTo = instance.process
      return true
    }
    const reason =
      why === null ? `"${instance.process}" had read it, and died or closed before it answered` : why.message
    call.reject(fateUnknown(call, reason))
    return false
  }

  #explainWait(call: PendingCall): string {
    if (call.stream !== null) return 'its stream has not come to its end'
    if (call.place !== null) return 'an instance has it and has not answered; it may have been done'
    if (this.#pool.directory === null) return `the supervisor was not reached at ${this.#place.meeting}`
    return call.boundTo === null
      ? 'no instance is there'
      : `it waits for "${call.boundTo}", which alone knows whether it was done`
  }

  hold(): void {
    if (++this.#holds > 1) return
    this.#keeper.ref()
    this.#pool.hold(true)
  }

  letGo(): void {
    if (--this.#holds > 0) return
    this.#keeper.unref()
    this.#pool.hold(false)
  }

  /** Gives up the connections; calls that wait are rejected. */
  close(): void {
    this.#life.close()
  }

  #release(): void {
    clearInterval(this.#keeper)
    this.#meeting?.close()
    for (const call of this.#takeWaiting()) call.reject(this.#closedError())
    this.#pool.close()
  }
}
