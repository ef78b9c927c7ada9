/**
 * What was sent and is not written when the program ends by itself: it is written before, because no later turn comes. For
 * that the program waits until the kernel takes it, but not for ever: a reader may never read.
 */
import { writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { errnoOf } from '../refusal.js'

interface Sender {
  readonly socket: Socket
  /**
   * What there is to be written, in portions that are written one by one: in a pipe with several writers a frame each.
   *
   * @param unwrittenBytes - of those that the stream has, as many were not taken by the kernel
   */
  takeRest(unwrittenBytes: number): Iterator<Buffer>
}

/** Of Node's streams over libuv, which its documentation does not have. */
interface StreamHandle {
  readonly fd: number
  readonly writeQueueSize: number
}

/**
 * For all ends of the program together. Less than the `stopTimeout` of processes that say nothing: a supervisor would kill them in
 * it. docs/frames.md says it.
 */
export const mostMs = 4000
const napMs = 1

const senders = new Set<Sender>()
/** Those that have something to say yet. */
let speakers: readonly Speaker[] = []
let endsAt = Number.POSITIVE_INFINITY

/** First of all who listen for the exit: one of them may exit there, and end it for those after. */
export function rememberSender(sender: Sender): void {
  if (senders.size === 0) process.prependListener('exit', sayLastWords)
  senders.add(sender)
}

export function forgetSender(sender: Sender): void {
  senders.delete(sender)
  if (senders.size === 0) process.off('exit', sayLastWords)
}

/** The last turn of this program is over, and whoever listens for that may yet send something. */
export const isProgramEnding = (): boolean => endsAt !== Number.POSITIVE_INFINITY

export function sayLastWords(): void {
  endsAt = Math.min(endsAt, performance.now() + mostMs)
  speakers = [...senders].map(sender => speakers.find(speaker => speaker.sender === sender) ?? new Speaker(sender))
  for (;;) {
    // One whose reader does not read must not take the time of the others.
    speakers = speakers.filter(speaker => speaker.speak(endsAt))
    if (speakers.length === 0 || performance.now() >= endsAt) return
    Atomics.wait(nobody, 0, 0, napMs)
  }
}

const nobody = new Int32Array(new SharedArrayBuffer(4))

class Speaker {
  private readonly handle: StreamHandle | null
  private readonly portions: Iterator<Buffer>
  private portion: Buffer = Buffer.alloc(0)

  constructor(readonly sender: Sender) {
    this.handle = (sender.socket as Socket & { _handle?: StreamHandle | null })._handle ?? null
    this.portions = sender.takeRest(this.handle?.writeQueueSize ?? 0)
  }

  /** Writes what the kernel takes now; false: there is nothing more to be written, or nobody to read it. */
  speak(endsAt: number): boolean {
    if (this.handle === null) return false
    try {
      do {
        while (this.portion.length === 0) {
          const { done, value } = this.portions.next()
          if (done) return false
          this.portion = value
        }
        this.portion = this.portion.subarray(writeSync(this.handle.fd, this.portion))
      } while (performance.now() < endsAt)
      return true
    } catch (error) {
      return errnoOf(error) === 'EAGAIN'
    }
  }
}
