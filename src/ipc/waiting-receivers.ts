/** Those who wait for a message of one reader. */
import type { MessageSource } from './message-iteration.js'
import type { Message } from './messages.js'
import { nextTurn, Pace } from './pace.js'

interface Receiver<Value> {
  /** True: it wants only to know that there is one. */
  readonly onlyLooks: boolean
  readonly resolve: (message: Message<Value> | null) => void
  readonly reject: (reason: unknown) => void
}

/** They are served in the order in which they came. */
export class WaitingReceivers<Value> {
  private readonly line: Receiver<Value>[] = []
  private isServed = false
  private readonly pace = new Pace()

  constructor(private readonly source: MessageSource<Value>) {}

  get isEmpty(): boolean {
    return this.line.length === 0
  }

  receive(signal: AbortSignal | undefined): Promise<Message<Value> | null> {
    try {
      signal?.throwIfAborted()
      if (this.line.length === 0) {
        const message = this.source.take() ?? (this.source.lookAgain() ? this.source.take() : null)
        if (message !== null) return this.pace.isDue() ? nextTurn().then(() => message) : Promise.resolve(message)
      }
    } catch (error) {
      return Promise.reject(error)
    }
    return this.stand(signal)
  }

  /** Resolves false at the end. Takes nothing. */
  async arrival(signal: AbortSignal | undefined): Promise<boolean> {
    const sentinel = await this.stand(signal, true)
    return sentinel !== null
  }

  stand(signal: AbortSignal | undefined, onlyLooks = false): Promise<Message<Value> | null> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const leave = (): void => {
        this.line.splice(this.line.indexOf(receiver), 1)
        if (this.line.length === 0) this.source.stopWaiting()
        reject(signal!.reason)
      }
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', leave)
          how(value)
        }
      const receiver = { onlyLooks, resolve: settle(resolve), reject: settle(reject) }
      this.line.push(receiver)
      signal?.addEventListener('abort', leave, { once: true })
      if (!this.isServed) void this.serve()
    })
  }

  private async serve(): Promise<void> {
    this.isServed = true
    this.pace.restart()
    try {
      while (this.line.length > 0) {
        if (this.source.has()) this.serveFirst()
        else if (!(await this.source.wait())) this.endAll()
      }
    } catch (error) {
      for (const { reject } of this.line.splice(0)) reject(error)
    }
    this.isServed = false
  }

  private serveFirst(): void {
    const { onlyLooks, resolve } = this.line[0]!
    const message = onlyLooks ? somethingThere : this.source.take()
    if (message === null) return
    this.line.shift()
    resolve(message as Message<Value>)
  }

  private endAll(): void {
    const isOpen = this.source.isOpen()
    for (const { resolve, reject } of this.line.splice(0)) {
      if (isOpen) resolve(null)
      else reject(closed())
    }
  }
}

const somethingThere = {} as Message<never>

const closed = (): Error => new Error('The link was closed by this program')
