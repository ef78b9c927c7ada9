/** The bell of an end of a ring, as that end hears it. */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { duplicateDescriptor } from '../platform/index.js'
import { noteTurn } from './pace.js'

/** Rung more often meanwhile, it wakes once more, for nothing. */
const mostBytes = 512

/** One watch for all the sleeps of that end: to make one costs more than a message. */
export class OwnBell {
  private socket: Socket | null = null
  private wakeSleeper: (() => void) | null = null

  /**
   * @param onRung - called when somebody sleeps here and was rung, before the promise of that sleep resolves: what the program
   *   waits for comes a turn of promises earlier that way
   */
  constructor(
    private readonly descriptor: number,
    private readonly onRung: () => void,
  ) {
    // A thread that is ended between the duplicate and the socket leaves it open. Before the end is given out nobody ends it.
    if (!isMainThread) this.socket = this.listen().unref()
  }

  /** Resolves when it was rung, or `wake` was called. The program waits for that. */
  sleep(): Promise<void> {
    if (this.socket === null) this.socket = this.listen()
    else this.socket.ref()
    return new Promise(resolve => {
      this.wakeSleeper = resolve
    })
  }

  wake(): void {
    if (this.wakeSleeper === null) return
    this.wakeSleeper()
    this.wakeSleeper = null
    this.socket?.unref()
  }

  /** Before its descriptor is closed. Wakes. */
  close(): void {
    this.wake()
    this.socket?.destroy()
    this.socket = null
  }

  /** Rung while nobody sleeps, it is silenced too. */
  private listen(): Socket {
    const callback = (): true => {
      noteTurn()
      if (this.wakeSleeper !== null) this.onRung()
      this.wake()
      return true
    }
    // Node documents `onread` for `connect` only, which hands it to this constructor.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      // The socket closes its descriptor.
      fd: duplicateDescriptor(this.descriptor),
      readable: true,
      writable: false,
      onread: { buffer: Buffer.alloc(mostBytes), callback },
    }
    return new Socket(options)
  }
}
