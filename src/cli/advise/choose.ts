/** From answers to links that will do. */
import type { Candidate } from './candidates.js'
import { type Answer, type Question, type QuestionName, questions } from './questions.js'

/** The word of the answer to each question; one that is missing was not asked. */
export type Answers = Readonly<Partial<Record<QuestionName, string>>>

export interface Chosen {
  readonly fitting: readonly Candidate[]
  /** Of the right form, but not for one of the other answers, with the reasons. */
  readonly others: readonly { readonly candidate: Candidate; readonly reasons: readonly string[] }[]
}

export function choose(candidates: readonly Candidate[], answers: Answers): Chosen {
  const wishes = Object.entries(answers).map(([name, word]) => findAnswer(name as QuestionName, word))
  const purpose = answers.purpose === undefined ? null : findAnswer('purpose', answers.purpose)
  const judged = candidates
    .filter(candidate => purpose?.suits(candidate) !== false)
    .map(candidate => ({
      candidate,
      reasons: wishes.filter(({ suits }) => !suits(candidate)).map(({ otherwise }) => otherwise),
    }))
  return {
    fitting: judged.filter(({ reasons }) => reasons.length === 0).map(({ candidate }) => candidate),
    others: judged.filter(({ reasons }) => reasons.length > 0),
  }
}

function findAnswer(name: QuestionName, word: string): Answer {
  const { answers }: Question = questions[name]
  return answers[word]!
}
