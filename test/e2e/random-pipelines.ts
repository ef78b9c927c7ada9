/** Random lines that bash and ipcsup both support, with what is needed to compare their ends. */
import * as fc from 'fast-check'

export interface RandomLine {
  readonly line: string
  /** For each stage: whether one after it may end without reading all, so that this one may be told or not (0 or 141). */
  readonly mayBeCut: readonly boolean[]
}

/** Files of the directory in which a line runs; `log1` … are there to be appended to. */
export const inputs: Readonly<Record<string, string>> = {
  'a.txt': 'pear 3\napple 10\nfig 1\napple 10\nplum a b\n\nkiwi 7\n',
  'b.txt': Array.from({ length: 300 }, (_, n) => `${(n * 7919) % 101} word${n % 13} ${'x'.repeat(n % 40)}\n`).join(''),
  'two words.txt': 'one "1"\ntwo $2\nthree *3\n',
  'no newline': 'last line without its end',
  empty: '',
  log1: 'old 1\n',
  log2: 'old 2\n',
  log3: 'old 3\n',
  log4: 'old 4\n',
  log5: 'old 5\n',
}

interface Command {
  readonly words: readonly string[]
  /** May end without having read all of its input. */
  readonly closes?: boolean
  /** Never starts: then bash writes to its stderr, which ipcsup does not do. */
  readonly isMissing?: boolean
  /** Ends with a failure after output, which a cut would hide. */
  readonly isMixed?: boolean
  /** Writes a file of its own, whose content depends on where it is cut. */
  readonly isTee?: boolean
}

const text = (...words: string[]): Command => ({ words })
const closing = (...words: string[]): Command => ({ words, closes: true })

const files = ['a.txt', 'b.txt', 'two words.txt', 'no newline', 'empty'] as const
const file = fc.constantFrom(...files)
const lines = fc.constantFrom('1', '2', '5', '1000')
const signals = ['KILL', 'TERM', 'HUP', 'USR1', 'PIPE'] as const

const anywhere: fc.Arbitrary<Command> = fc.oneof(
  fc.constantFrom(
    closing('false'),
    closing('cat', 'missing'),
    closing('seq', '3'),
    closing('seq', '-s', ' ', '1', '20'),
    { words: ['no-such-command', 'x'], closes: true, isMissing: true },
    { words: ['./no-such-file'], closes: true, isMissing: true },
    { words: ['./plain'], closes: true, isMissing: true },
    { words: ['./directory'], closes: true, isMissing: true },
  ),
  fc.integer({ min: 0, max: 255 }).map(code => closing('sh', '-c', `exit ${code}`)),
  fc.constantFrom(...signals).map(signal => closing('sh', '-c', `kill -${signal} $$`)),
  fc
    .tuple(file, fc.integer({ min: 1, max: 9 }))
    .map(([name, code]) => closing('sh', '-c', `cat '${name}'; echo err >&2; exit ${code}`)),
)

const source: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.array(file, { minLength: 1, maxLength: 3 }).map(names => text('cat', ...names)) },
  { weight: 3, arbitrary: fc.constantFrom('10', '3000', '60000').map(last => text('seq', last)) },
  { weight: 1, arbitrary: file.map(name => text('sort', name)) },
  { weight: 1, arbitrary: file.map(name => text('grep', '-n', 'a b\\|1', name)) },
  { weight: 1, arbitrary: fc.tuple(lines, file).map(([count, name]) => text('tail', '-n', count, name)) },
  { weight: 1, arbitrary: file.map(name => text('awk', '{ print NR ": " $1 }', name)) },
  { weight: 1, arbitrary: file.map(name => text('wc', '-l', name, 'a.txt')) },
  { weight: 1, arbitrary: file.map(name => ({ words: ['cat', name, 'missing'], isMixed: true })) },
  { weight: 2, arbitrary: anywhere },
)

const filter: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      text('cat'),
      text('cat', '-'),
      text('sort'),
      text('sort', '-rn'),
      text('sort', '-k', '2', '-t', ' '),
      text('uniq'),
      text('uniq', '-c'),
      text('grep', '-v', '1'),
      text('grep', 'a\\|e'),
      text('grep', 'nothing like this'),
      text('tr', 'a-z', 'A-Z'),
      text('tr', '-d', ' "\'\\\\'),
      text('cut', '-d', ' ', '-f', '1'),
      text('cut', '-c', '1-5'),
      text('sed', 's/a/<&>/g'),
      text('sed', '-n', '2,4p'),
      text('awk', '{ sum += $2 } END { print sum, "|", NR }'),
      text('awk', '$1 > 5 { print $1 "\\t" $2 }'),
      text('wc', '-l'),
      text('wc'),
    ),
  },
  { weight: 2, arbitrary: lines.map(count => text('tail', '-n', count)) },
  { weight: 2, arbitrary: fc.constant({ words: ['tee'], isTee: true }) },
  { weight: 3, arbitrary: lines.map(count => closing('head', '-n', count)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(closing('sed', '2q'), closing('grep', '-q', 'a'), closing('head', '-c', '7')),
  },
  { weight: 2, arbitrary: anywhere },
)

/** Never ends by itself, so it goes with a stage that ends it. */
const endless = lines.map(count => [text('yes', "it's 1"), closing('head', '-n', count)])

type Redirect =
  | 'none'
  | '> out'
  | '>| out'
  | '>> log'
  | '2> err'
  | '2>> err'
  | '2>&1'
  | '> out 2>&1'
  | '2>&1 > out'
  | '2> err >&2'
  | '< in'
  | '< missing'
  | '> nowhere'

const redirect = fc.oneof(
  { weight: 14, arbitrary: fc.constant<Redirect>('none') },
  {
    weight: 10,
    arbitrary: fc.constantFrom<Redirect>(
      '> out',
      '>| out',
      '>> log',
      '2> err',
      '2>> err',
      '2>&1',
      '> out 2>&1',
      '2>&1 > out',
      '2> err >&2',
      '< in',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Redirect>('< missing', '> nowhere') },
)

interface Drawn {
  readonly command: Command
  readonly redirect: Redirect
  readonly input: string
  readonly quoting: readonly number[]
  readonly isFirst: boolean
  readonly joinsErrors: boolean
}

const decoration = fc.record({
  redirect,
  input: file,
  quoting: fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }),
  isFirst: fc.nat(4).map(drawn => drawn === 0),
  joinsErrors: fc.nat(5).map(drawn => drawn === 0),
})

const commands = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: source.map(command => [command]) }, { weight: 1, arbitrary: endless }),
    fc.array(filter, { maxLength: 4 }),
  )
  .map(([first, rest]) => [...first, ...rest].slice(0, 5))

/** One line of one to five stages. */
export const randomLine: fc.Arbitrary<RandomLine> = commands.chain(list =>
  fc.tuple(...list.map(command => decoration.map(drawn => ({ command, ...drawn })))).map(compose),
)

function compose(drawn: readonly Drawn[]): RandomLine {
  const closes = drawn.map(stage => stage.command.closes === true || /^[<]|nowhere/.test(stage.redirect))
  const mayBeCut = drawn.map((_, index) => closes.slice(index + 1).includes(true))
  const stages = drawn.map((stage, index) => settle(stage, mayBeCut[index]!))
  const line = stages
    .map((stage, index) => `${index === 0 ? '' : joint(stages[index - 1]!)}${writeStage(stage, index + 1)}`)
    .join('')
  return { line, mayBeCut }
}

/** Takes out what would depend on timing: what is seen of a stage that may be cut, and where bash itself would speak. */
function settle(stage: Drawn, mayBeCut: boolean): Drawn {
  const { command } = stage
  const endless = command.words[0] === 'yes'
  const calm =
    mayBeCut && (command.isMixed === true || command.isTee === true)
      ? text('cat', ...(command.isMixed ? ['a.txt'] : []))
      : command
  const speaks = calm.isMissing === true || /missing|nowhere/.test(stage.redirect)
  const changesErrors = /2|&/.test(stage.redirect)
  const silent = speaks || mayBeCut
  return {
    ...stage,
    command: calm,
    // Endless output goes nowhere but into its pipe.
    redirect: endless || (silent && changesErrors) ? 'none' : stage.redirect,
    joinsErrors: stage.joinsErrors && !silent,
  }
}

function joint(before: Drawn): string {
  return before.joinsErrors ? ' |& ' : ' | '
}

function writeStage({ command, redirect: kind, input, quoting, isFirst }: Drawn, number: number): string {
  const own = command.isTee === true ? [...command.words, `copy${number}`] : command.words
  const words = own.map((word, index) => quoteWord(word, quoting[index % quoting.length]!)).join(' ')
  const redirection = kind
    .replace('none', '')
    .replace('< in', `< ${quoteWord(input, quoting[0]!)}`)
    .replace('nowhere', 'nowhere/out')
    .replace(/\b(out|err|log)$|\b(out|err|log)(?= )/, name => `${name}${number}`)
  // A redirection may stand before the command.
  return (isFirst ? [redirection, words] : [words, redirection]).filter(part => part !== '').join(' ')
}

const harmless = /^[A-Za-z0-9_./%+,-]+$/

/** The same word in one of the ways of writing it: as it is, in double quotes, with backslashes. */
function quoteWord(word: string, way: number): string {
  if (way === 0 && harmless.test(word)) return word
  if (way === 1 && !/[$`"\\]/.test(word)) return `"${word}"`
  if (way === 2 && !word.includes('\n')) return word.replace(/[^A-Za-z0-9_./%+,-]/g, character => `\\${character}`)
  return `'${word.replaceAll("'", `'\\''`)}'`
}
