import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCommandLine } from '../../src/cli/command-line.js'
import type { Output } from '../../src/cli/output.js'
import { nameSignal } from '../../src/cli/verbs/signal.js'
import { verbNames, verbs } from '../../src/cli/verbs.js'

let directory: string
const before = { cwd: process.cwd(), runtime: process.env.XDG_RUNTIME_DIR }

beforeEach(() => {
  directory = realpathSync(mkdtempSync('/tmp/ipcsup-cli-'))
  mkdirSync(join(directory, 'runtime'), { mode: 0o700 })
  mkdirSync(join(directory, 'project'))
  process.env.XDG_RUNTIME_DIR = join(directory, 'runtime')
  process.chdir(join(directory, 'project'))
})

afterEach(() => {
  process.chdir(before.cwd)
  if (before.runtime === undefined) delete process.env.XDG_RUNTIME_DIR
  else process.env.XDG_RUNTIME_DIR = before.runtime
  chmodSync(join(directory, 'project'), 0o700)
  rmSync(directory, { recursive: true, force: true })
})

function collect(color = false): Output & { text: string } {
  return {
    descriptor: -1,
    isTerminal: color,
    color,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

async function ipcsup(...argv: string[]) {
  const [out, err] = [collect(), collect()]
  const outcome = await runCommandLine(argv, out, err)
  return { outcome, out: out.text, err: err.text }
}

function writeConfig(config: unknown): void {
  writeFileSync('ipcsup.config.json', JSON.stringify(config))
}

const orders = {
  name: 'orders',
  links: { lines: { kind: 'pipe' } },
  processes: {
    tail: {
      command: 'tail -F orders.log',
      stdout: 'lines',
      env: { TOKEN: 's3cret', GONE: null },
      needs: { parse: 'started' },
    },
    parse: { command: ['sh', '-c', 'cat "$1"', 'sh', '{lines}'], links: { lines: 'read' } },
  },
}

describe('--help', () => {
  test.each(verbNames)('%s has one line, an example and the exit statuses, and ends with status 0', async name => {
    const { outcome, out, err } = await ipcsup(name, '--help')
    expect({ outcome, err }).toEqual({ outcome: 0, err: '' })
    expect(out).toContain(verbs[name].about)
    expect(out).toMatch(/Examples:\n {2}.*ipcsup/)
    expect(out).toMatch(/Exit status:\n {2}0 {2}done\n {2}1 {2}.*\n {2}2 {2}.*\n {2}3 {2}.*\n {2}4 {2}/)
  })

  test.each([
    ['link', 'it was not there in time'],
    ['call', 'the function failed'],
    ['advise', 'no kind of link does that'],
    ['start', 'a process failed'],
  ])('%s says what its status 1 means: %s', async (name, text) => {
    expect((await ipcsup(name, '--help')).out).toMatch(new RegExp(`^ {2}1 {2}${text}`, 'm'))
  })

  test.each(verbNames)('help %s says the same', async name => {
    expect((await ipcsup('help', name)).out).toBe((await ipcsup(name, '--help')).out)
  })

  test('without a verb lists all of them', async () => {
    const { outcome, out } = await ipcsup('--help')
    expect(outcome).toBe(0)
    for (const name of verbNames) expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    const [, manual] = /^Manual: (.*)$/m.exec(out)!
    expect(readFileSync(manual!, 'utf8')).toMatch(/^# ipcsup: the manual/)
  })

  test('help alone says the same', async () => {
    expect(await ipcsup('help')).toEqual(await ipcsup('--help'))
  })

  test('is shown for an empty command line too, which is wrong usage', async () => {
    const { outcome, out, err } = await ipcsup()
    expect({ outcome, out }).toEqual({ outcome: 2, out: '' })
    expect(err).toContain('Usage: ipcsup <verb>')
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(before.cwd, 'package.json'), 'utf8'))
    expect(await ipcsup('--version')).toEqual({ outcome: 0, out: `${version}\n`, err: '' })
  })
})

describe('wrong usage has status 2 and says what would be right', () => {
  test.each([
    [['strat'], /Unknown verb 'strat'\. Did you mean start\? See `ipcsup --help`\./],
    [['ps'], /Unknown verb 'ps'\. Here that is `ipcsup status`\. See `ipcsup --help`\./],
    [['attach'], /Here that is `ipcsup logs -f`\./],
    [['kill', 'web'], /Here that is `ipcsup signal KILL NAME`\./],
    [['run', 'ls', '-la'], /Unknown option '-la'\. The line must be one argument\. Put it in quotes/],
    [['run', '--reprot', 'x', 'true'], /Unknown option '--reprot'\. Did you mean --report\? See/],
    [['start', '--detatch'], /Unknown option '--detatch'\. Did you mean --detach\? See `ipcsup start --help`\./],
    [['run'], /Missing required argument 'line'\. See `ipcsup run --help`\./],
    [['run', 'true', '--restart', 'often'], /'often' is invalid\. Allowed choices are never, on-failure, always/],
    [['signal', 'HUPP', 'web'], /There is no signal "HUPP".*SIGHUP/],
    [['logs', '-n', 'many'], /--lines must be a number of lines, got "many"/],
    [['stop', 'a', 'b', '--foo'], /Unknown option '--foo'/],
    [['help', 'strat'], /Unknown verb 'strat'\. Did you mean start\?/],
    [['run', 'sort', 'names.txt'], /The line must be one argument\. Put it in quotes: ipcsup run '…'\./],
    [['signal', 'FOO', 'web'], /There is no signal "FOO"\. See/],
    [['status', '--pid', 'web'], /--pid must be the pid of a supervisor, got "web"/],
    [['stop', '--end'], /--end needs the names of processes\. See/],
    [['stop', 'web', '--now'], /--now is for the stop of everything, without names/],
    [['stop', 'web', '--json'], /--json is for the stop of everything, without names/],
    [['plan', '--show-env'], /--show-env is for --json/],
    [['completion', 'tcsh'], /no completion for "tcsh". Shells: bash, zsh, fish/],
  ])('%j', async (argv, message) => {
    const { outcome, out, err } = await ipcsup(...argv)
    expect({ outcome, out }).toEqual({ outcome: 2, out: '' })
    expect(err).toMatch(message)
  })

  test('signals have their name, with or without SIG, or a number', () => {
    expect(['HUP', 'sighup', 'SIGHUP', '1'].map(nameSignal)).toEqual(['SIGHUP', 'SIGHUP', 'SIGHUP', 'SIGHUP'])
  })
})

describe('check', () => {
  test('a good config is said to be good', async () => {
    writeConfig(orders)
    expect(await ipcsup('check')).toEqual({ outcome: 0, out: 'ok orders: 2 processes, 1 link\n', err: '' })
  })

  test('all problems come at once, as text and as JSON, with status 2', async () => {
    writeConfig({ processes: { a: { comand: 'x' }, b: { command: 'true', stdin: 'nothing' } } })
    const { outcome, out, err } = await ipcsup('check')
    expect({ outcome, out }).toEqual({ outcome: 2, out: '' })
    expect(err).toContain('processes.a')
    expect(err).toContain('processes.b.stdin')
    const asJson = await ipcsup('check', '--json')
    expect({ outcome: asJson.outcome, err: asJson.err }).toEqual({ outcome: 2, err: '' })
    const { ok, problems } = JSON.parse(asJson.out)
    expect(ok).toBe(false)
    expect(problems.map((problem: { path: string }) => problem.path)).toContain('processes.b.stdin')
  })

  test('no config is an error that names the places', async () => {
    const { outcome, err } = await ipcsup('check')
    expect(outcome).toBe(2)
    expect(err).toContain('ipcsup.config.')
  })

  test('with --strict a warning has status 2', async () => {
    writeConfig({
      links: { lines: { kind: 'pipe' } },
      processes: {
        a: { command: 'true', stdout: 'lines' },
        b: { command: 'true', stdout: 'lines' },
        c: { command: 'cat', stdin: 'lines' },
      },
    })
    const plain = await ipcsup('check')
    expect(plain.outcome).toBe(0)
    expect(plain.out).toContain('warning ')
    expect((await ipcsup('check', '--strict')).outcome).toBe(2)
  })
})

describe('plan', () => {
  test('shows commands, descriptors and the restart values in force', async () => {
    writeConfig(orders)
    const { outcome, out } = await ipcsup('plan')
    expect(outcome).toBe(0)
    expect(out).toContain('process parse  sh -c \'cat "$1"\' sh {lines}')
    expect(out).toContain('fd 3: lines (read), IPCSUP_FD_LINES')
    expect(out).toContain('fd 1: lines (write)')
    expect(out).toContain('restart on-failure: delays 0, then up to 100ms x 2 to 30s with jitter')
    expect(out).toContain('gives up after 8 within 1m 00s')
    expect(out).toContain('needs parse (started)')
  })

  test('never shows the values of env unless asked', async () => {
    writeConfig(orders)
    const text = await ipcsup('plan')
    const json = await ipcsup('plan', '--json')
    for (const { out } of [text, json]) {
      expect(out).toContain('TOKEN')
      expect(out).not.toContain('s3cret')
    }
    expect(JSON.parse(json.out).processes.tail.env).toEqual({ TOKEN: ['(hidden)'], GONE: null })
    expect((await ipcsup('plan', '--json', '--show-env')).out).toContain('s3cret')
  })
})

describe('graph', () => {
  test.each(['text', 'dot', 'mermaid'])('as %s has every process and link, and no secrets', async format => {
    writeConfig(orders)
    const { outcome, out } = await ipcsup('graph', '--format', format)
    expect(outcome).toBe(0)
    for (const word of ['tail', 'parse', 'lines', 'pipe', 'needs']) expect(out).toContain(word)
    expect(out).not.toContain('s3cret')
  })

  test('as text says who writes and who reads', async () => {
    writeConfig(orders)
    expect((await ipcsup('graph')).out).toContain('lines  pipe  tail -> parse\n')
  })

  test('as text leads clients to servers and wakers to those they wake, and says who is at which side of the rest', async () => {
    const [web, turns, bell] = [{ kind: 'tcp' }, { kind: 'semaphore' }, { kind: 'event' }]
    writeConfig({
      links: { web, turns, free: turns, bell },
      processes: {
        serve: { command: 'serve', links: { web: 'listen', turns: 'use' }, replicas: 2 },
        ask: { command: 'ask {web}', links: { turns: 'use', bell: 'signal' } },
        look: { command: 'look {web}', links: { bell: 'wait' } },
      },
    })
    expect((await ipcsup('graph')).out.split('\n').slice(1, 5)).toEqual([
      'web    tcp        ask, look -> serve.0, serve.1',
      'turns  semaphore  serve.0, serve.1, ask (use)',
      'free   semaphore  (strangers)',
      'bell   event      ask -> look',
    ])
  })

  test('a link with several writers is a node of its own', async () => {
    writeConfig({
      links: { lines: { kind: 'pipe', writers: 'lines' } },
      processes: {
        a: { command: 'true', stdout: 'lines' },
        b: { command: 'true', stdout: 'lines' },
        c: { command: 'cat', stdin: 'lines' },
      },
    })
    const { out } = await ipcsup('graph', '--format', 'dot')
    expect(out).toContain('"process a" -> "link lines"')
    expect(out).toContain('"process b" -> "link lines"')
    expect(out).toContain('"link lines" -> "process c"')
  })
})

describe('init', () => {
  test('writes a config that check accepts, and never overwrites one', async () => {
    expect((await ipcsup('init')).outcome).toBe(0)
    const written = readFileSync('ipcsup.config.ts', 'utf8')
    const { outcome, out } = await ipcsup('check')
    expect({ outcome, out }).toEqual({ outcome: 0, out: expect.stringMatching(/^ok /) })
    const again = await ipcsup('init')
    expect(again.outcome).toBe(2)
    expect(again.err).toContain('exists and is not overwritten. Use it, or remove it first.')
    expect(readFileSync('ipcsup.config.ts', 'utf8')).toBe(written)
  })

  test('does not write beside a config of another name', async () => {
    writeConfig(orders)
    expect(await ipcsup('init')).toMatchObject({ outcome: 2, err: expect.stringContaining('ipcsup.config.json') })
  })
})

test('schema prints a JSON Schema that knows the kinds', async () => {
  const { outcome, out } = await ipcsup('schema')
  expect(outcome).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') })
  expect(out).toContain('socketpair')
})

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('for %s has every verb and option', async shell => {
    const { outcome, out } = await ipcsup('completion', shell)
    expect(outcome).toBe(0)
    for (const name of verbNames) {
      expect(out).toContain(name)
      for (const { flags, hidden } of (await verbs[name].load()).options ?? []) {
        const long = /--([a-z-]+)/.exec(flags)![1]!
        if (hidden) expect(out).not.toContain(long)
        else expect(out).toContain(long)
      }
    }
  })

  test('in bash completes verbs, options and processes', async () => {
    const { out } = await ipcsup('completion', 'bash')
    const complete = (words: string[], current: number) =>
      execFileSync(
        'bash',
        [
          '-c',
          `ipcsup() { echo parse; echo tail; }\n${out}
        COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}) COMP_CWORD=${current}
        _ipcsup; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        { encoding: 'utf8' },
      )
        .trim()
        .split('\n')
    expect(complete(['ipcsup', 'st'], 1)).toEqual(['start', 'status', 'stop'])
    expect(complete(['ipcsup', 'start', '--det'], 2)).toEqual(['--detach'])
    expect(complete(['ipcsup', 'restart', 'p'], 2)).toEqual(['parse'])
    expect(complete(['ipcsup', 'graph', '--p'], 2)).toEqual(['--pid'])
    expect(complete(['ipcsup', 'graph', '--format', ''], 3)).toEqual(['text', 'dot', 'mermaid'])
    expect(complete(['ipcsup', 'signal', 'HU'], 2)).toEqual(['HUP'])
    expect(complete(['ipcsup', 'signal', 'HUP', ''], 3)).toEqual(['parse', 'tail'])
    expect(complete(['ipcsup', 'completion', ''], 2)).toEqual(['bash', 'zsh', 'fish'])
    expect(complete(['ipcsup', 'link', 't'], 2)).toEqual(['tail'])
    expect(complete(['ipcsup', 'link', 'tail', 're'], 3)).toEqual(['read', 'receive', 'release'])
    expect(complete(['ipcsup', 'link', '--ti'], 2)).toEqual(['--timeout'])
  })

  test('in bash leaves the file of --config to the shell', async () => {
    const { out } = await ipcsup('completion', 'bash')
    expect(out).toContain(`'start --config'|'start -c') words='' ;;`)
    expect(out).toContain('complete -o default -F _ipcsup ipcsup')
  })

  test.each([
    [
      'zsh',
      `'(-c --config)'{-c,--config}'[the config`,
      `--format'[how it is drawn (default: text)]:format:(text dot mermaid)'`,
    ],
    ['fish', '-l config -s c -d', `-x -a 'text dot mermaid'`],
  ])('in %s knows which options take a value, and which', async (shell, short, choices) => {
    const { out } = await ipcsup('completion', shell)
    expect(out).toContain(short)
    expect(out).toContain(choices)
  })

  test('names prints the processes of the config, and nothing where there is none', async () => {
    expect(await ipcsup('completion', 'names')).toEqual({ outcome: 0, out: '', err: '' })
    writeConfig(orders)
    expect((await ipcsup('completion', 'names')).out).toBe('tail\nparse\n')
    expect((await ipcsup('completion', 'links')).out).toBe('lines\n')
  })
})
