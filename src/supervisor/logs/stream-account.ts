/**
 * What the worker has read of a stream and not written yet, in memory that both threads see: a worker that hangs in a
 * write, or failed, cannot be asked any more.
 */

/** How the worker stands to a stream. */
const states = { untaken: 0, taken: 1, done: 2 } as const
const words = { state: 0, heldBytes: 1 } as const

export class StreamAccount {
  /** To be given to the other thread, for an account of its own. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(memory = new SharedArrayBuffer(Object.keys(words).length * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** The worker has it, and will close it. */
  take(): void {
    Atomics.store(this.#words, words.state, states.taken)
  }

  /** That many bytes were read and are in no file. */
  hold(bytes: number): void {
    Atomics.store(this.#words, words.heldBytes, bytes)
  }

  /** The worker has dealt with all of it. */
  finish(): void {
    Atomics.store(this.#words, words.state, states.done)
  }

  get state(): keyof typeof states {
    const state = Atomics.load(this.#words, words.state)
    return state === states.untaken ? 'untaken' : state === states.taken ? 'taken' : 'done'
  }

  get heldBytes(): number {
    return Atomics.load(this.#words, words.heldBytes)
  }
}
