/** What `ipcsup advise` says, and how it asks. */
import { describe, expect, test } from 'vitest'
import { type Candidate, listCandidates } from '../../src/cli/advise/candidates.js'
import { choose } from '../../src/cli/advise/choose.js'
import { figures } from '../../src/cli/advise/figures.js'
import { type Answers, type Question, questions } from '../../src/cli/advise/questions.js'
import { rank } from '../../src/cli/advise/rank.js'
import { formatAdvice, formatLink } from '../../src/cli/advise/show.js'
import { makePaint } from '../../src/cli/show/text.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { problemsOf } from '../config/support.js'
import { createSandbox } from '../support/command-line.js'

const candidates = listCandidates(kinds)
const advise = (answers: Answers) => choose(candidates, answers)
const links = (answers: Answers): string[] => advise(answers).fitting.map(({ candidate }) => formatLink(candidate))
const kindsFor = (answers: Answers): string[] => advise(answers).fitting.map(({ candidate }) => candidate.kind)
const show = (answers: Answers): string => formatAdvice(advise(answers), answers, makePaint(false))

describe('which links fit, the best first', () => {
  test('bytes between processes of ipcsup: a pipe, and what does the same with more', () => {
    expect(links({ purpose: 'bytes' })).toEqual(["{ kind: 'pipe' }", "{ kind: 'fifo' }", "{ kind: 'socketpair' }"])
  })

  test('messages that a crash must not lose: a ring, and each kind once, or each sort of it that was measured apart', () => {
    const found = links({ purpose: 'messages', survive: 'crash' })
    const [dropping, privileged] = ["{ kind: 'udp' }", "{ kind: 'raw', protocol: 253 }"]
    const between = [
      "{ kind: 'socketpair', type: 'seqpacket' }",
      "{ kind: 'socketpair', type: 'dgram' }",
      "{ kind: 'queue' }",
      "{ kind: 'queue', system: 'sysv' }",
      "{ kind: 'unix', type: 'dgram' }",
      "{ kind: 'tcp', listen: ':8080', frame: 'checked' }",
    ]
    // What was measured may change the order of these.
    expect(found.slice(1, -2).sort()).toEqual(between.sort())
    expect(found).toEqual(["{ kind: 'ring' }", ...found.slice(1, -2), dropping, privileged])
  })

  test.each([
    ['requests', 'unix'],
    ['data', 'shm'],
    ['turns', 'lock'],
    ['wake', 'event'],
  ])('%s: first %s', (purpose, best) => {
    expect(kindsFor({ purpose })[0]).toBe(best)
  })

  test('a stranger needs a name', () => {
    expect(kindsFor({ purpose: 'bytes', programs: 'strangers' })).toEqual(['fifo'])
    const { others } = advise({ purpose: 'bytes', programs: 'strangers' })
    const reasons = new Map(others.map(({ candidate, reasons }) => [formatLink(candidate), reasons]))
    expect(reasons.get("{ kind: 'pipe' }")).toEqual(['has no name that a program could find it by'])
  })

  test('who is on another machine needs an address of this one', () => {
    expect(links({ purpose: 'requests', machine: 'other' })).toEqual(["{ kind: 'tcp', listen: ':8080' }"])
    expect(links({ purpose: 'requests', machine: 'same' })).toContain("{ kind: 'tcp' }")
  })

  test('messages to another machine are frames over tcp, before datagrams that get lost', () => {
    const answers = { purpose: 'messages', machine: 'other' }
    const framed = "{ kind: 'tcp', listen: ':8080', frame: 'checked' }"
    expect(links(answers).slice(0, 2)).toEqual([framed, expect.stringContaining("kind: 'udp'")])
    expect(links({ ...answers, size: 'large' })).toEqual([
      "{ kind: 'tcp', listen: ':8080', frame: 'checked', maxFrame: '4MiB' }",
    ])
    expect(show(answers)).toContain('But it needs a library of ipcsup, or code for its frames, in each program')
  })

  test('frames are for messages only: who wants bytes or requests is not told of them', () => {
    for (const purpose of ['bytes', 'requests'])
      expect(
        candidates.filter(({ isFramed }) => isFramed).filter(questions.purpose.answers[purpose as 'bytes'].suits),
      ).toEqual([])
  })

  test('of all that carries messages only frames were not measured', () => {
    const unknown = candidates.filter(one => questions.purpose.answers.messages.suits(one) && one.figures === null)
    expect(new Set(unknown.map(({ entry }) => entry))).toEqual(new Set(['tcp framed']))
  })

  test('two readers cannot share a socketpair', () => {
    expect(kindsFor({ purpose: 'bytes', readers: 'share' })).toEqual(['pipe', 'fifo'])
  })

  test('of a ring the options are those of the answers, and no others', () => {
    const first = (answers: Omit<Answers, 'purpose'>) => links({ purpose: 'messages', ...answers })[0]
    expect(first({ readers: 'share' })).toBe("{ kind: 'ring', readers: 'share' }")
    expect(first({ readers: 'each' })).toBe("{ kind: 'ring', readers: 'each' }")
    expect(first({ size: 'large' })).toBe("{ kind: 'ring', size: '4MiB' }")
    expect(first({ survive: 'stop' })).toBe("{ kind: 'ring', memory: 'file', path: 'messages.ring' }")
  })

  test('a message of 1 MiB is too large for a packet of a socket', () => {
    expect(kindsFor({ purpose: 'messages', size: 'large' })).toEqual(['ring', 'node', 'tcp'])
  })

  test('what shall outlive the stop is a file with a path', () => {
    expect(links({ purpose: 'data', survive: 'stop' })).toEqual([expect.stringContaining("path: 'data'")])
  })

  test('what does not fit is there once too, by what is least wrong', () => {
    const { others } = advise({ purpose: 'requests', machine: 'other', survive: 'stop' })
    expect(others.map(({ candidate, reasons }) => [formatLink(candidate), ...reasons])).toContainEqual([
      "{ kind: 'tcp', listen: ':8080' }",
      'is gone with the supervisor',
    ])
    expect(new Set(others.map(({ candidate }) => candidate.entry)).size).toBe(others.length)
  })

  test('a kind that fits in one way is not among those that do not', () => {
    expect(links({ purpose: 'data', programs: 'strangers' })[0]).toBe("{ kind: 'shm', size: '1MiB', named: true }")
    expect(advise({ purpose: 'data', programs: 'strangers' }).others).toEqual([])
  })

  test('every kind is found by somebody, and every answer has something that suits it', () => {
    const found = Object.keys(questions.purpose.answers).flatMap(purpose => kindsFor({ purpose }))
    expect(new Set(found)).toEqual(new Set(Object.keys(kinds)))
    for (const [name, { answers }] of Object.entries(questions) as [string, Question][]) {
      for (const [word, { suits }] of Object.entries(answers)) {
        expect(candidates.filter(suits), `${name} ${word}`).not.toEqual([])
      }
    }
  })

  test('every choice is what a config takes', () => {
    for (const candidate of candidates) {
      const link = { kind: candidate.kind, ...candidate.options }
      expect(problemsOf({ links: { mine: link } }, { kinds, isEmbedded: true }), formatLink(candidate)).toEqual([])
    }
  })

  test('every name of a choice with figures of its own is one that was measured', () => {
    const known = new Set(candidates.map(({ entry }) => entry))
    const unknown = Object.keys(figures).filter(name => name.includes(' ') && !known.has(name))
    expect(unknown).toEqual(['signal call SIGWINCH'])
  })
})

describe('why a link is lower', () => {
  const ring: Candidate = {
    ...candidates.find(({ form }) => form === 'ring')!,
    figures: [
      [64, 3_700_000, 3, 770],
      [1_048_576, 17_900, 112, 1580],
    ],
  }
  const change = (advice: Partial<Candidate['advice']>, more: Partial<Candidate> = {}): Candidate => ({
    ...ring,
    ...more,
    entry: JSON.stringify([advice, more]),
    advice: { ...ring.advice, ...advice },
  })
  const compare = (other: Candidate, answers: Partial<Answers> = {}) =>
    rank([other, ring], { purpose: 'messages', ...answers })

  test.each<[string, Candidate, Partial<Answers>]>([
    ['needs root', change({ privilege: 'root' }), {}],
    ['drops what comes while there is no room', change({ drops: true }), {}],
    ['loses what a killed reader had taken', change({}, { acknowledges: false }), { survive: 'crash' }],
    [
      'loses what was not taken when a program dies',
      change({}, { traits: { ...ring.traits, survivesRestart: false } }),
      {},
    ],
    ['is open to other machines', change({ leavesMachine: true }), {}],
    ['stays on the disk', change({ outlivesStop: true }), {}],
    ['has a port that every user of the machine can come to', change({}, { parts: ['host'] }), {}],
    ['tells no reader that there will be no more', change({}, { traits: { ...ring.traits, showsEnd: false } }), {}],
    ['carries at most 8 KiB at once', change({ largestMessageBytes: 8192 }), {}],
    ['has a name that other programs can find', change({}, { traits: { ...ring.traits, named: true } }), {}],
    ['was not measured', change({ drops: true }, { figures: null }), {}],
  ])('it %s', (reason, other, answers) => {
    const ranked = compare(other, answers)
    expect(ranked.map(({ candidate }) => candidate)).toEqual([ring, other])
    expect(ranked[1]!.but).toContain(reason)
  })

  test('what was asked for is no reason', () => {
    expect(compare(change({ outlivesStop: true }), { survive: 'stop' })[1]!.but).toEqual([])
    expect(compare(change({ leavesMachine: true }, { parts: ['host'] }), { machine: 'other' })[1]!.but).toEqual([])
    expect(compare(change({}, { acknowledges: false }))[1]!.but).toEqual([])
    const named = change({}, { traits: { ...ring.traits, named: true } })
    expect(compare(named, { programs: 'strangers' })[1]!.but).toEqual([])
  })

  test('it is slower, at messages of the size that was asked for', () => {
    const slow = change(
      {},
      {
        figures: [
          [64, 1000, 5, 5],
          [1048576, 40_000, 5, 5],
        ],
      },
    )
    expect(compare(slow)[1]!.but).toEqual(['1,000/s of 64 B, ring 3,700,000/s'])
    expect(compare(slow, { size: 'large' })[0]!.candidate).toBe(slow)
    expect(compare({ ...slow, advice: { ...slow.advice, outlivesStop: true } })[1]!.but).toEqual([
      '1,000/s of 64 B, ring 3,700,000/s',
      'stays on the disk',
    ])
    const near = change({}, { figures: [[64, 3_600_000, 5, 5]] })
    expect(compare(near)[0]!.candidate).toBe(near)
  })

  test('the heaviest reason comes first, and a drawback of the best is told of the best', () => {
    const [best, other] = compare(change({ drops: true, privilege: 'root', outlivesStop: true }))
    expect(other!.but).toEqual(['needs root', 'drops what comes while there is no room', 'stays on the disk'])
    expect(best!.but).toEqual(['needs a library of ipcsup in each program'])
    // Its name matters only beside one that has none.
    expect(advise({ purpose: 'turns' }).fitting[0]!.but).toEqual([])
  })
})

describe('the text', () => {
  test('has the best with a config and its figures, the others in a line each, and at last what will not do', () => {
    expect(show({ purpose: 'messages', survive: 'crash' })).toMatch(
      new RegExp(
        [
          '^Take: ring\\n  Messages through shared memory.*\\n  But it needs a library .*[.]\\n\\n',
          "  links: { messages: { kind: 'ring' } }\\n\\n  NODE TO NODE .*\\n(  +[0-9].*\\n)+\\n",
          'Also, the better first:\\n(  { kind: .* }: .+\\n)+\\nNot these:\\n(  { kind: .* }: .+\\n)+$',
        ].join(''),
      ),
    )
  })

  test('says two reasons of a line at most, the heaviest', () => {
    expect(show({ purpose: 'messages' })).toContain(
      "{ kind: 'raw', protocol: 253 }: needs the capability CAP_NET_RAW; drops what comes while there is no room\n",
    )
  })

  test('turns are taken and handed over, messages go one way', () => {
    expect(show({ purpose: 'turns' })).toMatch(
      / {2}NODE TO NODE +TAKEN WHEN FREE +HANDED OVER AND BACK, P50 +P99\n {2}no bytes /,
    )
    expect(show({ purpose: 'messages' })).toMatch(/ {2}NODE TO NODE +ONE WAY +THERE AND BACK, P50 +P99\n {2}64 B /)
  })
})

describe('ipcsup advise', () => {
  test('says it as a config has it, and why others do not do', async () => {
    await using sandbox = await createSandbox()
    const { out, status } = await sandbox.ipcsup('advise', '--purpose', 'bytes', '--programs', 'strangers')
    expect(status).toBe(0)
    expect(out).toMatch(/^Take: fifo\n/)
    expect(out).toContain("\n  links: { bytes: { kind: 'fifo' } }\n")
    expect(out).toMatch(/Not these:\n(.*\n)*.*\{ kind: 'pipe' \}: has no name that a program could find it by/)
  })

  test('as JSON', async () => {
    await using sandbox = await createSandbox()
    const { out } = await sandbox.ipcsup('advise', '--purpose', 'bytes', '--readers', 'share', '--json')
    expect(JSON.parse(out)).toMatchObject({
      answers: { purpose: 'bytes', readers: 'share' },
      links: [
        { kind: 'pipe', options: {}, summary: expect.stringContaining('stream of bytes'), but: [] },
        {
          kind: 'fifo',
          but: ['has a name that other programs can find', expect.stringMatching(/\/s of 64 B, pipe [\d,]+\/s/)],
        },
      ],
      others: [{ link: "{ kind: 'socketpair' }", reasons: [expect.stringContaining('only one reader')] }],
    })
  })

  test('without a terminal and without an answer it says which options there are', async () => {
    await using sandbox = await createSandbox()
    const { err, status } = await sandbox.ipcsup('advise')
    expect(status).toBe(2)
    expect(err).toContain('Answer by options, at least --purpose')
  })

  test('without a purpose there is no best', async () => {
    await using sandbox = await createSandbox()
    const { err, status } = await sandbox.ipcsup('advise', '--survive', 'crash')
    expect(status).toBe(2)
    expect(err).toContain('Add --purpose: bytes, messages, requests, data, turns, wake.')
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
    expect(out).toContain('Take: fifo')
    expect(out).toContain('status 0')
    const left = sandbox.openTerminal('ipcsup advise; echo "status $?"')
    await left.shows('\\]: ')
    left.type('\x04')
    expect((await left.ended).out).toContain('status 1')
  })
})
