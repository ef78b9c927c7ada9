/**
 * Which of links that all will do is best. A link has points against it: those of the drawbacks that matter with these
 * answers, and one for each halving of its speed against the fastest. The fewest are best.
 */
import { formatBytes } from '../show/text.js'
import type { Candidate } from './candidates.js'
import { type Answers, carriesMessages, largeBytes } from './questions.js'
import { findSpeed, formatAmount, formatSpeed, type Speed } from './speed.js'

export interface Ranked {
  readonly candidate: Candidate
  /**
   * Of the first: what is to be minded of it. Of the others: why they are lower than the first. Ends of sentences that
   * begin with its name, the heaviest first.
   */
  readonly but: readonly string[]
}

interface Drawback {
  readonly points: number
  readonly applies: (candidate: Candidate, answers: Answers) => boolean
  readonly says: (candidate: Candidate) => string
}

/** The heaviest first: so they are told. */
const drawbacks: readonly Drawback[] = [
  {
    points: 16,
    applies: ({ advice }) => advice.privilege !== null,
    says: ({ advice }) => `needs ${advice.privilege}`,
  },
  {
    points: 8,
    applies: ({ advice }) => advice.drops,
    says: () => 'drops what comes while there is no room',
  },
  {
    points: 4,
    applies: (candidate, { survive }) => survive === 'crash' && carriesMessages(candidate) && !candidate.acknowledges,
    says: () => 'loses what a killed reader had taken',
  },
  {
    points: 2,
    applies: ({ traits }) => !traits.survivesRestart,
    says: () => 'loses what was not taken when a program dies',
  },
  {
    points: 2,
    applies: ({ form, traits }) => form === 'permits' && !traits.showsPeerDeath,
    says: () => 'keeps the permits of a dead program that had no library of ipcsup',
  },
  {
    points: 2,
    applies: ({ advice }, { machine }) => advice.leavesMachine && machine !== 'other',
    says: () => 'is open to other machines',
  },
  {
    points: 2,
    applies: ({ advice }, { survive }) => advice.outlivesStop && survive !== 'stop',
    says: () => 'stays on the disk',
  },
  {
    points: 1,
    applies: ({ parts }, { machine }) => parts.includes('host') && machine !== 'other',
    says: () => 'has a port that every user of the machine can come to',
  },
  {
    points: 1,
    // Frames end with their connection.
    applies: candidate => carriesMessages(candidate) && !candidate.isFramed && !candidate.traits.showsEnd,
    says: () => 'tells no reader that there will be no more',
  },
  {
    points: 1,
    applies: ({ advice }) => (advice.largestMessageBytes ?? largeBytes) < 64_000,
    says: ({ advice }) => `carries at most ${formatBytes(advice.largestMessageBytes)} at once`,
  },
  {
    points: 1,
    applies: ({ advice }) => advice.library !== null,
    says: ({ advice }) => `needs ${advice.library} in each program`,
  },
  {
    points: 0.5,
    applies: ({ traits }, { programs }) => traits.named && programs !== 'strangers',
    says: () => 'has a name that other programs can find',
  },
]

/** Below this nothing is said of the best one. */
const worthSaying = 1

interface Judged {
  readonly candidate: Candidate
  readonly speed: Speed | null
  readonly found: readonly Drawback[]
  /** Points for its speed alone. */
  readonly slowness: number
  readonly points: number
}

/** @returns one of each entry, the best first; of equals as they came */
export function rank(fitting: readonly Candidate[], answers: Answers): Ranked[] {
  const speeds = fitting.map(candidate => findSpeed(candidate, answers))
  const judged = fitting
    .map((candidate, index): Judged => {
      const speed = speeds[index]!
      const found = drawbacks.filter(({ applies }) => applies(candidate, answers))
      const slowness = countHalvings(speed, speeds)
      return { candidate, speed, found, slowness, points: found.reduce((sum, { points }) => sum + points, slowness) }
    })
    .sort((a, b) => a.points - b.points)
  const seen = new Set<string>()
  return judged
    .filter(({ candidate: { entry } }) => !seen.has(entry) && seen.add(entry))
    .map((row, index) => ({
      candidate: row.candidate,
      but: index === 0 ? explainBest(row) : explainLower(row, judged[0]!),
    }))
}

/** In halves: what was measured is no more exact. What was not measured counts as the slowest. */
function countHalvings(speed: Speed | null, all: readonly (Speed | null)[]): number {
  const rates = all.flatMap(other =>
    other !== null && (speed === null || other.unit === speed.unit) ? [other.perSecond] : [],
  )
  if (rates.length === 0) return 0
  return Math.round(2 * Math.log2(Math.max(...rates) / (speed?.perSecond ?? Math.min(...rates)))) / 2
}

function explainBest({ candidate, found }: Judged): string[] {
  return found.filter(({ points }) => points >= worthSaying).map(({ says }) => says(candidate))
}

function explainLower({ candidate, speed, found, slowness }: Judged, best: Judged): string[] {
  const own = found
    .filter(drawback => !best.found.includes(drawback))
    .map(({ points, says }) => ({ points, text: says(candidate) }))
  const slower = compareSpeeds(speed, best).map(text => ({ points: slowness, text }))
  return [...own, ...slower].sort((a, b) => b.points - a.points).map(({ text }) => text)
}

function compareSpeeds(speed: Speed | null, { speed: best, candidate: { kind } }: Judged): string[] {
  if (speed === null) return ['was not measured']
  if (best === null || best.unit !== speed.unit || speed.perSecond >= best.perSecond) return []
  return [`${formatSpeed(speed)}, ${kind} ${formatAmount(best)}`]
}
