/** Memory and CPU of instances. */
import type { Reaped } from '../../platform/index.js'
import type { Usage } from './host.js'
import { readPeakBytes } from './proc.js'

/** What is remembered of an instance for its usage. */
export interface Measured {
  readonly pid: number
  /** Peak memory of the supervisor when it spawned this one. */
  readonly supervisorPeakBytes: number
  /** The largest peak that was sampled; null: none was. */
  peakBytes: number | null
}

/** Looks at the peak memory of an instance; nothing happens when it is over. */
export function samplePeak(instance: Measured): void {
  const bytes = readPeakBytes(instance.pid)
  if (bytes !== null) instance.peakBytes = Math.max(bytes, instance.peakBytes ?? 0)
}

/**
 * The usage of an instance that ended. The kernel counts in its peak that of the process which spawned it, so that
 * figure is the instance's own only where it exceeds the supervisor's at that time.
 */
export function summarizeUsage(instance: Measured, reaped: Reaped | null): Usage {
  if (!reaped) return { userMs: null, systemMs: null, maxRssBytes: instance.peakBytes }
  const own = reaped.maxRssBytes > instance.supervisorPeakBytes ? reaped.maxRssBytes : null
  const peaks = [own, instance.peakBytes].filter(bytes => bytes !== null)
  return {
    userMs: reaped.userMs,
    systemMs: reaped.systemMs,
    maxRssBytes: peaks.length > 0 ? Math.max(...peaks) : null,
  }
}

const firstDelayMs = 100

export interface PeakSampler {
  /** A process was spawned: young ones grow fast. */
  restart(): void
  stop(): void
}

/**
 * Samples all instances from time to time: 100 ms after the last of a burst of spawns, then after twice the time, and so
 * on. So a start is not held up, a graph at rest is hardly ever disturbed, and a peak is found within twice the age at
 * which it was reached.
 */
export function createPeakSampler(instances: () => Iterable<Measured>): PeakSampler {
  let timer: NodeJS.Timeout | null = null
  let delayMs = firstDelayMs
  let isBurst = false
  const schedule = (): void => {
    timer = setTimeout(sample, delayMs).unref()
  }
  const sample = (): void => {
    if (!isBurst) {
      for (const instance of instances()) samplePeak(instance)
      delayMs *= 2
    }
    isBurst = false
    schedule()
  }
  const stop = (): void => {
    if (timer) clearTimeout(timer)
    timer = null
  }
  return {
    restart: () => {
      isBurst = true
      if (timer && delayMs === firstDelayMs) return
      stop()
      delayMs = firstDelayMs
      schedule()
    },
    stop,
  }
}
