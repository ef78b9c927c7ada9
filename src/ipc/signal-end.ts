/** The child's half of a route. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

export interface SignalEnd extends ClosableEnd {
  /** What the processes at `to` get. */
  readonly signal: string
  /**
   * Has the signal sent to every running process at `to`. Returns at once; calls that come faster than they can be
   * carried out become one. Only at side `from` of a link that waits for calls.
   *
   * @throws IpcsupError `IPCSUP_ERR_SYSTEM`: EBADF at a side without a descriptor, EPIPE when the supervisor is gone
   */
  call(): void
}

/** @param descriptor - belongs to the end from now on; -1: this side has none */
export function openSignal(descriptor: number, signal: string): SignalEnd {
  const own = descriptor === -1 ? -1 : reopen(descriptor)
  const { isOpen, close, once } = beginEnd(() => {
    if (own !== -1) closeSync(own)
  })
  return {
    signal,
    call: () => {
      if (!isOpen() || own === -1) throw refuse('EBADF')
      try {
        writeSync(own, '\n')
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        // What is full of calls that nobody has taken yet needs no further one.
        if (code !== 'EAGAIN') throw refuse(code ?? 'unknown error', error)
      }
    },
    close,
    once,
  }
}

/** A description of its own, since it must not block and a program that this one starts may have the inherited one. */
function reopen(descriptor: number): number {
  const own = openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK)
  closeSync(descriptor)
  return own
}

function refuse(errno: string, cause?: unknown): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_SYSTEM', { what: 'Calling for a signal', call: 'write', errno }, { cause })
}
