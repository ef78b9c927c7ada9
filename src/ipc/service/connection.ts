/** The connection of a client to one instance. */
import { IncomingStream } from './incoming-stream.js'
import { type CallPlace, fateUnknown, type PendingCall } from './pending-call.js'
import { PendingTable } from './pending-table.js'
import { reviveError } from './remote-error.js'
import { reach } from './steps.js'
import { type Listener, openTransport, type Received, type Transport } from './transport.js'
import type { Instance } from './wire.js'

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

const acknowledgeAfterMs = 100
const mostUnacknowledged = 256

export class Connection implements Listener, CallPlace {
  readonly instance: Instance
  readonly #owner: ConnectionOwner
  readonly #transport: Transport
  readonly #pending = new PendingTable<PendingCall>()
  readonly #hasReceipts: boolean
  #count = 0
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
    this.#transport.send(`{"id":${number}${call.text}${call.key === null ? '' : call.key.text}}\n`)
  }

  cancel(call: PendingCall): void {
    if (!this.#pending.delete(call.number)) return
    this.#transport.send(`{"id":${call.number},"cancel":true}\n`)
  }

  onReadable(): void {
    reach('reply arrived, not read')
  }

  onWritten(): void {
    reach('call written, not answered')
  }

  onLines(lines: readonly Received[]): void {
    for (const line of lines) this.#handle(line)
  }

  #handle(line: Received): void {
    const { id } = line
    if (id === undefined) {
      if (typeof line['took'] === 'number') this.#tookNumber = line['took']
      return
    }
    // Of one that was given up the answer may have been on its way.
    const call = this.#pending.get(id as number)
    if (call === undefined) return
    if ('value' in line) this.#finish(call, () => call.resolve(line['value']))
    else if ('item' in line) call.stream?.push(line['item'])
    else if ('error' in line) this.#fail(call, reviveError(line['error']))
    else if ('stream' in line) this.#beginStream(call)
    else if ('done' in line) this.#finish(call, () => call.stream?.end('done'))
    else if ('refused' in line && this.#pending.delete(call.number)) this.#owner.onRefused(this, call)
  }

  #finish(call: PendingCall, settle: () => void): void {
    this.#pending.delete(call.number)
    settle()
    if (call.key === null) return
    reach('reply read, not acknowledged')
    if (call.key.isOwn) this.#acknowledge(call.key.name)
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
