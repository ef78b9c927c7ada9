import type { ProcessConfig, RestartPolicy } from '../define.js'
import type { PlannedRestart } from '../plan.js'
import { parseTime } from '../units.js'
import type { Scope } from './scope.js'

const defaults = {
  initialMs: 100,
  factor: 2,
  maxMs: 30_000,
  jitter: true,
  stableAfterMs: 10_000,
  limit: 8,
  withinMs: 60_000,
} as const satisfies Omit<PlannedRestart, 'policy'>

/** The rules in force: what was given, and the defaults. Warns where it could never give up. */
export function expandRestart(
  scope: Scope,
  given: ProcessConfig['restart'],
  defaultPolicy: RestartPolicy,
  path: string,
): PlannedRestart {
  const rules = typeof given === 'object' ? given : { policy: given }
  const restart: PlannedRestart = {
    policy: rules.policy ?? defaultPolicy,
    initialMs: parseTime(rules.initial ?? defaults.initialMs)!,
    factor: rules.factor ?? defaults.factor,
    maxMs: parseTime(rules.max ?? defaults.maxMs)!,
    jitter: rules.jitter ?? defaults.jitter,
    stableAfterMs: parseTime(rules.stableAfter ?? defaults.stableAfterMs)!,
    limit: rules.limit ?? defaults.limit,
    withinMs: parseTime(rules.within ?? defaults.withinMs)!,
  }
  const longestMs = sumLongestDelays(restart)
  if (restart.policy !== 'never' && longestMs > restart.withinMs)
    scope.findings.warn(
      `${path}.restart`,
      `may never give up: ${restart.limit + 1} restarts can take ${showSeconds(longestMs)} of delays, and only those ` +
        `within ${showSeconds(restart.withinMs)} are counted. Make within longer, or limit, initial, factor or max smaller.`,
    )
  return restart
}

/** Milliseconds between the first and the last of `limit + 1` restarts when every delay is as long as it can be. */
function sumLongestDelays({ initialMs, factor, maxMs, limit, withinMs }: PlannedRestart): number {
  let sum = 0
  for (let restart = 2; restart <= limit + 1 && sum <= withinMs; restart++) {
    const bound = Math.min(maxMs, initialMs * factor ** (restart - 2))
    const isLevel = bound === maxMs || factor === 1
    // From here on all are the same, so a limit of a million needs no loop.
    if (isLevel) return sum + bound * (limit + 2 - restart)
    sum += bound
  }
  return sum
}

function showSeconds(ms: number): string {
  return `${Number((ms / 1000).toPrecision(3))} s`
}
