/** Targets, and whether they were met. Figures are medians by subject; a peer that was not measured gives null. */

/** The subject's figure is at least `factor` times the peer's. */
export function atLeast(peer, medians, factor, subject = 'ipcsup') {
  return compare(medians[subject], medians[peer], `≥ ${factor.toFixed(1)}× ${peer}`, ratio => ratio >= factor)
}

/** The subject's figure is at most `factor` times the peer's. */
export function atMost(peer, medians, factor, subject = 'ipcsup') {
  return compare(medians[subject], medians[peer], `≤ ${factor}× ${peer}`, ratio => ratio <= factor)
}

/** A figure of this project against a fixed limit. */
export function atMostFixed(what, value, limit, unit) {
  return { target: `${what} ≤ ${limit} ${unit}`, reached: `${format(value)} ${unit}`, isMet: value <= limit }
}

export function atLeastFixed(what, value, limit, unit) {
  return { target: `${what} ≥ ${limit} ${unit}`, reached: `${format(value)} ${unit}`, isMet: value >= limit }
}

/** Three significant digits, and no more zeros than that. */
export function format(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function compare(own, theirs, target, isMet) {
  if (theirs === undefined) return { target, reached: 'peer is not installed', isMet: null }
  const ratio = own / theirs
  return { target, reached: `${ratio.toFixed(2)}×`, isMet: isMet(ratio) }
}
