/** Carries out calls in order, later than they were sent, and lets the event loop have a turn in between. */

const sliceMs = 10

export interface CallQueue<Call> {
  push(call: Call): void
  /** Resolves when everything that was pushed before is done. */
  idle(): Promise<void>
}

/** @param handle - must not throw */
export function createCallQueue<Call>(handle: (call: Call) => void): CallQueue<Call> {
  let calls: Call[] = []
  let isScheduled = false
  const waiters: (() => void)[] = []

  const run = (): void => {
    const endMs = performance.now() + sliceMs
    let done = 0
    while (done < calls.length && performance.now() < endMs) handle(calls[done++]!)
    calls = calls.slice(done)
    if (calls.length > 0) {
      setImmediate(run)
      return
    }
    isScheduled = false
    for (const wake of waiters.splice(0)) wake()
  }

  return {
    push: call => {
      calls.push(call)
      if (!isScheduled) queueMicrotask(run)
      isScheduled = true
    },
    idle: () => (isScheduled ? new Promise(resolve => waiters.push(resolve)) : Promise.resolve()),
  }
}
