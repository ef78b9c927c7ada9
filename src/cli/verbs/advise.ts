import { isatty } from 'node:tty'
import { askAll } from '../advise/ask.js'
import { listCandidates } from '../advise/candidates.js'
import { type Answers, choose } from '../advise/choose.js'
import { type Question, questions } from '../advise/questions.js'
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
  examples: [
    ['ipcsup advise', 'asks what you need, and says which kinds of link do it'],
    ['ipcsup advise --purpose messages --survive crash', 'the same without questions'],
  ],
  async run(call) {
    const answers = findAnswers(call)
    if (answers === null) return 1
    const { kinds } = await import('../../ipc/kinds/index.js')
    const chosen = choose(listCandidates(kinds), answers)
    const rows = chosen.fitting.map(({ kind, options, summary }) => ({ kind, options, summary }))
    const others = chosen.others.map(({ candidate, reasons }) => ({ link: formatLink(candidate), reasons }))
    const asJson = call.options['json'] === true
    call.out.write(
      asJson ? formatJson({ answers, links: rows, others }) : formatAdvice(chosen, makePaint(call.out.color)),
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
  if (given.length > 0) return Object.fromEntries(given)
  if (!call.out.isTerminal || !isatty(0))
    throw wrongUsage(call, 'There is no terminal to ask the questions at. Answer at least one by an option.')
  return askAll(call.out)
}
