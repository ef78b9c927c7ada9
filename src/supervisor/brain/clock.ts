/** Time and chance, as the brain sees them: real in the product, virtual in tests. */
export interface Clock {
  /** Milliseconds on a monotonic clock. */
  now(): number
  /** Milliseconds since 1970, for reports. */
  wallClock(): number
  /** Calls `act` once after `delayMs`; the returned function cancels. */
  after(delayMs: number, act: () => void): () => void
  /** Uniform in [0, 1). */
  random(): number
}

/** The real one. Its timers keep a process alive only as long as somebody is supervised, so they are referenced. */
export const realClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  after(delayMs, act) {
    let turn: NodeJS.Immediate | undefined
    // After a look at what has come: when this program was held up itself (stopped, suspended with its machine), somebody
    // who ended or got ready meanwhile has done so in time. What is seen in a turn of the loop is told at its end.
    const timer = setTimeout(() => {
      turn = setImmediate(() => {
        turn = setImmediate(act)
      })
    }, delayMs)
    return () => {
      clearTimeout(timer)
      clearImmediate(turn)
    }
  },
  random: Math.random,
}
