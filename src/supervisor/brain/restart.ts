import type { PlannedRestart } from '../../config/plan.js'

/** Restarts since the last time the row began anew. */
export interface RestartRow {
  /** Restarts in this row. */
  readonly count: number
  /** Times of restarts, ms on the monotonic clock, newest first; those out of the window are dropped. */
  readonly times: readonly number[]
}

export const emptyRow: RestartRow = { count: 0, times: [] }

/**
 * Decides when a process that ended may start again.
 *
 * @param row - earlier restarts; it begins anew when the ended instance was up for `stableAfterMs` (`upMs`)
 * @param upMs - how long the ended instance ran; 0 when it could not be spawned
 * @param nowMs - monotonic
 * @param chance - uniform in [0, 1), for the jitter
 * @returns the delay in ms (0 = now) with the row to keep, or 'give-up' when this restart would be the
 *   (limit + 1)-th within `withinMs`, the boundary counted in
 * @remarks The limit is OTP's rule (supervisor.erl, `add_restart`); the delay is full jitter over an exponential bound.
 */
export function nextRestart(
  row: RestartRow,
  restart: PlannedRestart,
  upMs: number,
  nowMs: number,
  chance: number,
): { readonly delayMs: number; readonly row: RestartRow } | 'give-up' {
  const recent = row.times.filter(time => time >= nowMs - restart.withinMs)
  if (recent.length >= restart.limit) return 'give-up'
  const count = (upMs >= restart.stableAfterMs ? 0 : row.count) + 1
  const boundMs = delayBoundMs(restart, count)
  return { delayMs: restart.jitter ? chance * boundMs : boundMs, row: { count, times: [nowMs, ...recent] } }
}

/** The longest delay before restart `k` of a row: none before the first, then growing by `factor` up to `maxMs`. */
export function delayBoundMs(restart: PlannedRestart, k: number): number {
  return k <= 1 ? 0 : Math.min(restart.maxMs, restart.initialMs * restart.factor ** (k - 2))
}
