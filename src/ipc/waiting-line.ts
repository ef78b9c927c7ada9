/**
 * Waiting for something that no descriptor tells of (a lock, a permit): it is tried again and again, after delays that
 * grow from 1 ms to 8 ms, by timers of the event loop. No thread waits, so nothing keeps the program from ending.
 */
import { IpcsupError } from '../errors.js'

export interface WaitOptions {
  /**
   * Rejects with IPCSUP_ERR_TIMEOUT after so many ms; 0: tries once. Default: waits without end, as with more than
   * 2^31 - 1, which no timer can count.
   */
  readonly timeout?: number
  /** Rejects with its reason once it is aborted. */
  readonly signal?: AbortSignal
}

export interface WaitingLine {
  /** Resolves when it is this one's turn and the try succeeded: in order of arrival within this program. */
  join(options?: WaitOptions): Promise<void>
  isEmpty(): boolean
  /** Something was given back by this program itself: tries now. */
  tryNow(): void
  /** Rejects all who wait. */
  close(reason: Error): void
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly leave: () => void
}

const firstDelayMs = 1
const longestDelayMs = 8
const longestTimeoutMs = 2 ** 31 - 1

/**
 * @param what - what is waited for, as a noun of a sentence
 * @param tryOnce - takes it if it is free; `isAgain`: it was not a moment ago, and nothing is known to have changed
 */
export function createWaitingLine(what: string, tryOnce: (isAgain: boolean) => boolean): WaitingLine {
  const waiters = new Set<Waiter>()
  let timer: NodeJS.Timeout | null = null

  const serve = (delayMs: number, isAgain: boolean): void => {
    timer = null
    for (const waiter of waiters) {
      try {
        if (!tryOnce(isAgain)) break
      } catch (error) {
        waiter.leave()
        waiter.reject(error)
        continue
      }
      waiter.leave()
      waiter.resolve()
    }
    if (waiters.size > 0) timer = setTimeout(serve, delayMs, Math.min(2 * delayMs, longestDelayMs), true)
  }

  const serveNow = (): void => {
    if (timer) clearTimeout(timer)
    serve(firstDelayMs, false)
  }

  const enter = ({ timeout, signal }: WaitOptions, resolve: () => void, reject: (error: unknown) => void): void => {
    const giveUp = (error: unknown): void => {
      waiter.leave()
      reject(error)
    }
    const abort = (): void => giveUp(signal?.reason)
    signal?.addEventListener('abort', abort)
    const deadline =
      timeout !== undefined && timeout > 0 && timeout <= longestTimeoutMs
        ? setTimeout(() => giveUp(timedOut(what, timeout)), timeout)
        : undefined
    const waiter: Waiter = {
      resolve,
      reject,
      leave: () => {
        waiters.delete(waiter)
        clearTimeout(deadline)
        signal?.removeEventListener('abort', abort)
        if (waiters.size === 0 && timer) {
          clearTimeout(timer)
          timer = null
        }
      },
    }
    waiters.add(waiter)
    if (waiters.size === 1) serveNow()
    if (timeout === 0 && waiters.has(waiter)) giveUp(timedOut(what, timeout))
  }

  return {
    join: (options = {}) =>
      new Promise((resolve, reject) => {
        const { timeout = 0, signal } = options
        // Of a number below 0, or none at all, a timer would make 1 ms, and no test would ever be true.
        if (!(timeout >= 0)) reject(noTimeout(what, timeout))
        else if (signal?.aborted) reject(signal.reason)
        else enter(options, resolve, reject)
      }),
    isEmpty: () => waiters.size === 0,
    tryNow: () => {
      if (waiters.size > 0) serveNow()
    },
    close: reason => {
      for (const { leave, reject } of [...waiters]) {
        leave()
        reject(reason)
      }
    },
  }
}

function timedOut(what: string, timeoutMs: number): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_TIMEOUT', { what, timeoutMs })
}

function noTimeout(what: string, timeout: number): IpcsupError {
  const why = 'a timeout is a number of ms from 0'
  return new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what: `Waiting ${timeout} ms for ${what}`, why })
}
