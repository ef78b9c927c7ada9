/** `250 ms`, `1.5 s`, `1 min`. */
export function formatDelay(delayMs: number): string {
  if (delayMs < 1000) return `${Math.round(delayMs)} ms`
  if (delayMs < 60_000) return `${Number((delayMs / 1000).toFixed(1))} s`
  return `${Number((delayMs / 60_000).toFixed(1))} min`
}
