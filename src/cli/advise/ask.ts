/** Asks the questions at the terminal, one after the other. */
import { closeSync, openSync, readSync } from 'node:fs'
import type { Output } from '../output.js'
import { type Answers, type Question, questions } from './questions.js'

/** @returns null: the user has ended it (Ctrl-D) */
export function askAll(out: Output): Answers | null {
  // A description of its own: the one of stdin is shared with the shell.
  const terminal = openSync('/dev/tty', 'r')
  try {
    const answers: Record<string, string> = {}
    for (const [name, question] of Object.entries(questions)) {
      const word = ask(terminal, out, question)
      if (word === null) return null
      answers[name] = word
    }
    return answers as unknown as Answers
  } finally {
    closeSync(terminal)
  }
}

function ask(terminal: number, out: Output, { ask: text, answers }: Question): string | null {
  const words = Object.keys(answers)
  const rows = words.map((word, index) => `  ${index + 1}  ${answers[word]!.about}\n`)
  out.write(`${text}\n${rows.join('')}`)
  for (;;) {
    out.write(`1-${words.length} [1]: `)
    const line = readLine(terminal)
    if (line === null) {
      out.write('\n')
      return null
    }
    const chosen = line === '' ? words[0] : (words[Number(line) - 1] ?? words.find(word => word === line))
    if (chosen !== undefined) return chosen
  }
}

/** A terminal gives a line at a time; null: its end. */
function readLine(terminal: number): string | null {
  const bytes = Buffer.alloc(4096)
  const count = readSync(terminal, bytes)
  return count === 0 ? null : bytes.toString('utf8', 0, count).trim()
}
