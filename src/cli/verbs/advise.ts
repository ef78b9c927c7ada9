import { isatty } from 'node:tty'
import { askAll } from '../advise/ask.js'
import { listCandidates } from '../advise/candidates.js'
import { choose } from '../advise/choose.js'
import { type Answers, type Question, questions } from '../advise/questions.js'
import { formatAdvice, formatLink } from '../advise/show.js'
import { formatJson, makePaint } from '../show/text.js'
import { type Call, readValue, sharedOptions, type Verb, wrongUsage } from '../verb.js'

export const advise: Verb = {
  options: [
    ...Object.entries(questions).map(([name, { ask, answers }]: [string, Question]) => ({
      flags: `--${name} <answer>`,
      about: ask,
      choices: Object.keys(answers),
    })),
    sharedOptions.json,
  ],
  failure: 'no kind of link does that',
  examples: [
    ['ipcsup advise', 'asks what you need, and says which kind of link to take'],
    ['ipcsup advise --purpose messages --survive crash', 'the same without questions'],
  ],
  async run(call) {
    const answers = findAnswers(call)
    if (answers === null) return 1
    const { kinds } = await import('../../ipc/kinds/index.js')
    const chosen = choose(listCandidates(kinds), answers)
    const rows = chosen.fitting.map(({ candidate: { kind, options, summary }, but }) => ({
      kind,
      options,
      summary,
      but,
    }))
    const others = chosen.others.map(({ candidate, reasons }) => ({ link: formatLink(candidate), reasons }))
    const asJson = call.options['json'] === true
    call.out.write(
      asJson ? formatJson({ answers, links: rows, others }) : formatAdvice(chosen, answers, makePaint(call.out.color)),
    )
    return chosen.fitting.length > 0 ? 0 : 1
  },
}

/** From the options, or else asked for; null: given up. */
function findAnswers(call: Call): Answers | null {
  const given = Object.keys(questions).flatMap(name => {
    const word = readValue(call, name)
    return word === undefined ? [] : [[name, word] as const]
  })
  const { purpose, ...rest } = Object.fromEntries(given)
  if (purpose !== undefined) return { purpose, ...rest }
  if (given.length > 0) {
    const words = Object.keys(questions.purpose.answers).join(', ')
    throw wrongUsage(call, `Which kind is best depends on what goes between the programs. Add --purpose: ${words}.`)
  }
  if (!call.out.isTerminal || !isatty(0))
    throw wrongUsage(call, 'There is no terminal to ask the questions at. Answer by options, at least --purpose.')
  return askAll(call.out)
}
