/** Those who wait for a message of one reader. */
import { LeavingLine } from './leaving-line.js'
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
  private readonly line = new LeavingLine<Receiver<Value>>()
  private isServed = false
  private readonly pace = new Pace()

  constructor(private readonly source: MessageSource<Value>) {}

  get isEmpty(): boolean {
    return this.line.size === 0
  }

  receive(signal: AbortSignal | undefined): Promise<Message<Value> | null> {
    try {
      signal?.throwIfAborted()
      if (this.line.size === 0) {
        const message = this.source.take() ?? this.takeLater()
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
        this.line.delete(receiver)
        if (this.line.size === 0) this.source.stopWaiting()
        reject(signal!.reason)
      }
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', leave)
          how(value)
        }
      const receiver = { onlyLooks, resolve: settle(resolve), reject: settle(reject) }
      this.line.add(receiver)
      signal?.addEventListener('abort', leave, { once: true })
      if (!this.isServed) void this.serve()
    })
  }

  private takeLater(): Message<Value> | null {
    this.pace.noteWait()
    return this.source.lookAgain() ? this.source.take() : null
  }

  private async serve(): Promise<void> {
    this.isServed = true
    try {
      while (this.line.size > 0) {
        if (this.pace.isDue()) await nextTurn()
        else if (this.source.has()) this.serveFirst()
        else if (!(await this.source.wait(this.serveNow))) this.endAll()
      }
    } catch (error) {
      for (const { reject } of this.line.takeAll()) reject(error)
    }
    this.isServed = false
  }

  private readonly serveNow = (): void => {
    try {
      while (this.line.size > 0 && this.source.has()) {
        this.serveFirst()
        // The others are served by `serve`, which lets the event loop have its turns.
        if (this.line.size > 0 && this.pace.isDue()) return
      }
      if (this.line.size === 0) this.source.stopWaiting()
    } catch {
      // `serve` meets it too, and tells.
    }
  }

  private serveFirst(): void {
    const receiver = this.line.first()!
    const message = receiver.onlyLooks ? somethingThere : this.source.take()
    if (message === null) return
    this.line.delete(receiver)
    receiver.resolve(message as Message<Value>)
  }

  private endAll(): void {
    const isOpen = this.source.isOpen()
    for (const { resolve, reject } of this.line.takeAll()) {
      if (isOpen) resolve(null)
      else reject(this.source.closedError())
    }
  }
}

const somethingThere = {} as Message<never>
