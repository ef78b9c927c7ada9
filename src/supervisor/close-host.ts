import type { Plan } from '../config/plan.js'
import type { NearHost } from './app-ends.js'
import { describeClosing } from './report.js'

export interface HostClosed {
  /** All that the processes logged is written. */
  readonly areLogsComplete: boolean
  /** What there was to do, as sentences for a person. */
  readonly warnings: readonly string[]
}

/**
 * Closes what there is of a host; nothing of it is left then. Never rejects.
 *
 * @param opening - null: there is none. A stop may come while it is being opened; one that could not be opened has left
 *   nothing
 */
export async function closeHost(plan: Plan, opening: Promise<NearHost> | null): Promise<HostClosed> {
  const stopTimeoutMs = longestStopTimeoutMs(plan)
  try {
    const host = await opening?.catch(() => null)
    const closing = await host?.close({ stopTimeoutMs, logDeadlineMs: plan.drainTimeoutMs })
    const areLogsComplete = Object.keys(closing?.droppedLogBytes ?? {}).length === 0
    return { areLogsComplete, warnings: closing ? describeClosing(closing) : [] }
  } catch (error) {
    return {
      areLogsComplete: false,
      warnings: [`The end of "${plan.name}" was not clean: ${(error as Error).message}`],
    }
  }
}

/** Of all processes. */
export function longestStopTimeoutMs(plan: Plan): number {
  return Math.max(0, ...Object.values(plan.processes).map(({ stopTimeoutMs }) => stopTimeoutMs))
}
