/** What `ipcsup advise` says, and how it asks. */
import { describe, expect, test } from 'vitest'
import { listCandidates } from '../../src/cli/advise/candidates.js'
import { type Answers, choose } from '../../src/cli/advise/choose.js'
import { type Question, questions } from '../../src/cli/advise/questions.js'
import { formatAdvice, formatLink } from '../../src/cli/advise/show.js'
import { makePaint } from '../../src/cli/show/text.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { createSandbox } from '../support/command-line.js'

const candidates = listCandidates(kinds)
const fitting = (answers: Answers): string[] => [
  ...new Set(choose(candidates, answers).fitting.map(({ kind }) => kind)),
]

describe('which links fit', () => {
  test('bytes between processes of ipcsup: a pipe, and what does the same with more', () => {
    expect(fitting({ purpose: 'bytes' })).toEqual(['fifo', 'pipe', 'socketpair'])
  })

  test('a stranger needs a name', () => {
    expect(fitting({ purpose: 'bytes', programs: 'strangers' })).toEqual(['fifo'])
    const { others } = choose(candidates, { purpose: 'bytes', programs: 'strangers' })
    const reasons = new Map(others.map(({ candidate, reasons }) => [formatLink(candidate), reasons]))
    expect(reasons.get("{ kind: 'pipe' }")).toEqual(['has no name that a program could find it by'])
  })

  test('two readers cannot share a socketpair', () => {
    expect(fitting({ purpose: 'bytes', readers: 'share' })).not.toContain('socketpair')
  })

  test('of a ring what each of several readers gets is a matter of its options', () => {
    const rings = (readers: string) =>
      choose(candidates, { purpose: 'messages', readers })
        .fitting.filter(({ form }) => form === 'ring')
        .map(({ options }) => options['readers'])
    expect([rings('share'), rings('each')]).toEqual([['share'], ['each', 'each-lossy']])
  })

  test('what shall outlive the stop is a file with a path', () => {
    const { fitting } = choose(candidates, { purpose: 'data', survive: 'stop' })
    expect(fitting.map(formatLink)).toEqual([expect.stringContaining("path: 'data'")])
  })

  test('every kind is found by somebody, and every answer has something that suits it', () => {
    const found = Object.keys(questions.purpose.answers).flatMap(purpose => fitting({ purpose }))
    expect(new Set(found)).toEqual(new Set(Object.keys(kinds)))
    for (const [name, { answers }] of Object.entries(questions) as [string, Question][]) {
      for (const [word, { suits }] of Object.entries(answers)) {
        expect(candidates.filter(suits), `${name} ${word}`).not.toEqual([])
      }
    }
  })
})

describe('what was measured', () => {
  test('turns are taken and handed over, messages go one way', () => {
    const paint = makePaint(false)
    expect(formatAdvice(choose(candidates, { purpose: 'turns' }), paint)).toMatch(
      / {2}NODE TO NODE +TAKEN WHEN FREE +HANDED OVER AND BACK, P50 +P99\n {2}no bytes /,
    )
    const messages = formatAdvice(choose(candidates, { purpose: 'messages' }), paint)
    expect(messages).toMatch(/ {2}NODE TO NODE +ONE WAY +THERE AND BACK, P50 +P99\n {2}64 B /)
  })
})

describe('ipcsup advise', () => {
  test('says it as a config has it, and why others do not do', async () => {
    await using sandbox = await createSandbox()
    const { out, status } = await sandbox.ipcsup('advise', '--purpose', 'bytes', '--programs', 'strangers')
    expect(status).toBe(0)
    expect(out).toMatch(/^\{ kind: 'fifo' \}$/m)
    expect(out).toMatch(/Not these:\n(.*\n)*.*\{ kind: 'pipe' \}: has no name that a program could find it by/)
  })

  test('as JSON', async () => {
    await using sandbox = await createSandbox()
    const { out } = await sandbox.ipcsup('advise', '--purpose', 'bytes', '--readers', 'share', '--json')
    expect(JSON.parse(out)).toMatchObject({
      answers: { purpose: 'bytes', readers: 'share' },
      links: [{ kind: 'fifo' }, {}],
    })
  })

  test('without a terminal and without an answer it says which options there are', async () => {
    await using sandbox = await createSandbox()
    const { err, status } = await sandbox.ipcsup('advise')
    expect(status).toBe(2)
    expect(err).toContain('Answer at least one by an option')
  })

  test('asks at a terminal, takes numbers, words and the empty line, and ends at Ctrl-D', async () => {
    await using sandbox = await createSandbox()
    const asked = sandbox.openTerminal('ipcsup advise; echo "status $?"')
    const answers = ['9', 'bytes', '', '2', '', '', '']
    for (const [index, answer] of answers.entries()) {
      await asked.shows(`(?:\\]: [^]*){${index + 1}}`)
      asked.type(`${answer}\n`)
    }
    const { out } = await asked.ended
    expect(out).toContain("{ kind: 'fifo' }")
    expect(out).toContain('status 0')
    const left = sandbox.openTerminal('ipcsup advise; echo "status $?"')
    await left.shows('\\]: ')
    left.type('\x04')
    expect((await left.ended).out).toContain('status 1')
  })
})
