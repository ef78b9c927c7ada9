/** From answers to links that will do, the best first. */
import type { Candidate } from './candidates.js'
import { type Answer, type Answers, type Question, type QuestionName, questions } from './questions.js'
import { type Ranked, rank } from './rank.js'

export interface Chosen {
  /** One of each kind, or of each sort of it that was measured apart; the best first. */
  readonly fitting: readonly Ranked[]
  /** Of the right form, but not for one of the other answers, with the reasons. */
  readonly others: readonly { readonly candidate: Candidate; readonly reasons: readonly string[] }[]
}

export function choose(candidates: readonly Candidate[], answers: Answers): Chosen {
  const wishes = Object.entries(answers).map(([name, word]) => findAnswer(name as QuestionName, word))
  const purpose = findAnswer('purpose', answers.purpose)
  const judged = candidates
    .filter(candidate => purpose.suits(candidate))
    .map(candidate => ({
      candidate,
      reasons: wishes.filter(({ suits }) => !suits(candidate)).map(({ otherwise }) => otherwise),
    }))
  const fitting = judged.filter(({ reasons }) => reasons.length === 0).map(({ candidate }) => candidate)
  const fits = new Set(fitting.map(({ entry }) => entry))
  const others = judged.filter(({ candidate }) => !fits.has(candidate.entry))
  return { fitting: rank(fitting, answers), others: keepLeastWrong(others) }
}

/** Of each entry the one that fails fewest answers; the first of several. */
function keepLeastWrong(others: Chosen['others']): Chosen['others'] {
  const least = new Map<string, Chosen['others'][number]>()
  for (const other of others) {
    const { entry } = other.candidate
    const before = least.get(entry)
    if (before === undefined || other.reasons.length < before.reasons.length) least.set(entry, other)
  }
  return [...least.values()]
}

function findAnswer(name: QuestionName, word: string): Answer {
  const { answers }: Question = questions[name]
  return answers[word]!
}
