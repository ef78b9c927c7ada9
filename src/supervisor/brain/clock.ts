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
    const timer = setTimeout(act, delayMs)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
