/** The connection of a client to one instance. */
import { IncomingStream } from './incoming-stream.js'
import { openTransport } from './line-transport.js'
import { type CallKey, type CallPlace, fateUnknown, type PendingCall } from './pending-call.js'
import { PendingTable } from './pending-table.js'
import { reviveError } from './remote-error.js'
import { reach } from './steps.js'
import type { Items, Listener, Received, Transport } from './transport.js'
import { type Instance, shortLines } from './wire.js'

/** What has become of calls that a connection had when it ended. */
export interface Ended {
  readonly call: PendingCall
  /** It certainly never began there. */
  readonly isUntouched: boolean
}

export interface ConnectionOwner {
  /** The instance takes no new calls: this one never began. */
  onRefused(connection: Connection, call: PendingCall): void
  /** In the order in which they were sent. */
  onEnd(connection: Connection, calls: readonly Ended[], why: Error | null): void
  hold(): void
  letGo(): void
}

export interface Greeting {
  readonly process: string | undefined
  /** Wants to know how far its calls were read. */
  readonly took: boolean
}

/** Memory is worth while for who makes so many calls in so short a time: others are served as fast at the socket. For tests it is changed. */
export const tuning = { callsBeforeRing: 32, withinMs: 50 }

const acknowledgeAfterMs = 100
const mostUnacknowledged = 256

export class Connection implements Listener, CallPlace {
  readonly shortItems = shortLines.value
  readonly instance: Instance
  readonly #owner: ConnectionOwner
  readonly #transport: Transport
  readonly #pending = new PendingTable<PendingCall>()
  readonly #hasReceipts: boolean
  #count = 0
  /** When the first one was made of the calls that are counted now. */
  #countedFrom = 0
  #hasOffered = false
  #tookNumber = 0
  /** Keys whose replies have arrived. */
  #answered: string[] = []
  #acknowledging: NodeJS.Timeout | null = null

  /** @param descriptor - of the connected socket; belongs to the connection */
  constructor(instance: Instance, descriptor: number, greeting: Greeting, owner: ConnectionOwner) {
    this.instance = instance
    this.#owner = owner
    this.#hasReceipts = greeting.took
    this.#transport = openTransport(descriptor, this)
    this.#transport.send(`${JSON.stringify({ hello: greeting })}\n`)
  }

  /** Calls that are not answered. */
  get outstanding(): number {
    return this.#pending.size
  }

  send(call: PendingCall): void {
    reach('before the call is written')
    const number = ++this.#count
    call.place = this
    call.number = number
    this.#pending.add(call)
    this.#say(call)
    if (!this.#hasOffered && this.instance.ring) this.#offerIfBusy(number)
  }

  /** The clock is looked at twice for so many calls. */
  #offerIfBusy(number: number): void {
    const { callsBeforeRing, withinMs } = tuning
    const index = (number - 1) % callsBeforeRing
    if (index === 0) this.#countedFrom = performance.now()
    if (index !== callsBeforeRing - 1 || performance.now() - this.#countedFrom > withinMs) return
    this.#hasOffered = true
    this.#transport.offerRing()
  }

  #say({ number, quotedMethod, args, key }: PendingCall): void {
    if (key === null && this.#transport.takesShort) return this.#transport.sendShort(number, quotedMethod, args)
    const list = typeof args === 'string' ? args : `[${args}]`
    this.#transport.send(`{"id":${number},"call":${quotedMethod},"args":${list}${key === null ? '' : key.text}}\n`)
  }

  cancel(call: PendingCall): void {
    if (!this.#pending.delete(call.number)) return
    this.#transport.send(`{"id":${call.number},"cancel":true}\n`)
  }

  isExpecting(): boolean {
    return this.#pending.size > 0
  }

  onReadable(): void {
    reach('reply arrived, not read')
  }

  onWritten(): void {
    reach('call written, not answered')
  }

  onLines(lines: Items): void {
    for (let at = 0; at < lines.length; at++) {
      const item = lines[at]
      if (typeof item === 'number') this.#answer(item, lines[++at])
      else this.#handle(item as Received)
    }
  }

  /** By a short line. */
  #answer(number: number, value: unknown): void {
    const call = this.#pending.get(number)
    if (call !== undefined) this.#resolve(call, value)
  }

  #resolve(call: PendingCall, value: unknown): void {
    this.#pending.delete(call.number)
    call.resolve(value)
    if (call.key !== null) this.#noteAnswer(call.key)
  }

  #handle(line: Received): void {
    const { id } = line
    if (id === undefined) {
      if (typeof line['took'] === 'number') this.#tookNumber = line['took']
      else if ('ring' in line) this.#transport.hearRing(line['ring'])
      return
    }
    // Of one that was given up the answer may have been on its way.
    const call = this.#pending.get(id as number)
    if (call === undefined) return
    if ('value' in line) this.#resolve(call, line['value'])
    else if ('item' in line) call.stream?.push(line['item'])
    else if ('error' in line) this.#fail(call, reviveError(line['error']))
    else if ('stream' in line) this.#beginStream(call)
    else if ('done' in line) this.#finish(call, () => call.stream?.end('done'))
    else if ('refused' in line && this.#pending.delete(call.number)) this.#owner.onRefused(this, call)
  }

  #finish(call: PendingCall, settle: () => void): void {
    this.#pending.delete(call.number)
    settle()
    if (call.key !== null) this.#noteAnswer(call.key)
  }

  #noteAnswer({ isOwn, name }: CallKey): void {
    reach('reply read, not acknowledged')
    if (isOwn) this.#acknowledge(name)
  }

  #fail(call: PendingCall, error: Error): void {
    const { stream } = call
    this.#finish(call, () => (stream === null ? call.reject(error) : stream.end({ error })))
  }

  #beginStream(call: PendingCall): void {
    const stream = new IncomingStream({
      allow: items => this.#transport.send(`{"id":${call.number},"more":${items}}\n`),
      cancel: () => this.cancel(call),
      hold: () => this.#owner.hold(),
      letGo: () => this.#owner.letGo(),
      over: () => call.endLimits(),
    })
    call.begin(stream)
  }

  /** With what is sent next, or after a while. */
  #acknowledge(key: string): void {
    this.#answered.push(key)
    this.#acknowledging ??= setTimeout(() => this.#sendAcknowledgement(), acknowledgeAfterMs).unref()
    if (this.#answered.length >= mostUnacknowledged) this.#sendAcknowledgement()
  }

  #sendAcknowledgement(): void {
    if (this.#acknowledging !== null) clearTimeout(this.#acknowledging)
    this.#acknowledging = null
    this.#transport.send(`${JSON.stringify({ forget: this.#answered })}\n`)
    this.#answered = []
  }

  onEnd(why: Error | null): void {
    if (this.#acknowledging !== null) clearTimeout(this.#acknowledging)
    const ended: Ended[] = []
    for (const call of this.#pending.items()) {
      if (call.stream === null) {
        call.place = null
        // Without receipts, or after a line that made no sense, nothing is certain.
        ended.push({ call, isUntouched: this.#hasReceipts && why === null && call.number > this.#tookNumber })
      } else {
        const error = fateUnknown(call, 'its instance died in the middle of the stream')
        call.stream.end({ error })
      }
    }
    this.#pending.clear()
    this.#owner.onEnd(this, ended, why)
  }

  close(): void {
    this.#transport.close()
    this.onEnd(null)
  }
}
