import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { descriptorsNeeded } from '../../src/supervisor/descriptors-needed.js'
import { catchProblems, kinds, plan, problemsOf, warningsOf } from './support.js'

const lines = { lines: { kind: 'pipe' } }
const ends = { from: { command: 'a', stdout: 'lines' }, to: { command: 'b', stdin: 'lines' } }

describe('a config becomes a Plan', () => {
  const example = {
    name: 'orders',
    links: {
      lines: { kind: 'pipe', capacity: '1MiB' },
      events: { kind: 'fifo', path: 'run/events', mode: '660', lifetime: 'hold', writers: 'lines' },
      talk: { kind: 'socketpair' },
    },
    processes: {
      tail: { command: 'tail -F orders.log', stdout: 'lines', stopTimeout: '1s' },
      parse: {
        command: ['node', 'parse.js'],
        stdin: 'lines',
        stdout: { file: 'out/log', append: true },
        stderr: 'stdout',
        links: { talk: 'a', events: { side: 'write', fd: 9, env: 'EVENTS' } },
        cwd: 'work',
        env: { LANG: 'C', N: 3, GONE: null, SKIPPED: undefined },
        envFile: '.env',
        umask: '027',
        needs: { tail: 'started' },
        ready: 'notify',
        restart: { policy: 'always', initial: '1s', jitter: false },
        cleanExits: [3, 0],
        stopSignal: 'SIGINT',
        onExit: 'notify "it ended"',
      },
      peer: { command: 'peer', links: { talk: 'b' }, stdin: 'inherit', stdout: 'stderr', stderr: 'null', replicas: 1 },
    },
    pipelines: { top: { line: 'sort < in |& uniq -c > top.txt', cwd: 'data', restart: 'on-failure' } },
    drainTimeout: '1m',
    stopTimeout: 2000,
    logs: { directory: 'logs', maxSize: '1MiB', files: 2 },
    strict: true,
  }
  const made = plan(example, { configPath: '/srv/orders/ipcsup.config.json' }).plan

  it('with units resolved, defaults filled in and paths absolute', () => {
    expect(made).toMatchObject({
      name: 'orders',
      directory: '/srv/orders',
      configPath: '/srv/orders/ipcsup.config.json',
      drainTimeoutMs: 60_000,
      logs: { directory: '/srv/orders/logs', maxBytes: 1_048_576, files: 2 },
      strict: true,
    })
    expect(made.links['lines']).toMatchObject({
      kind: 'pipe',
      lifetime: 'auto',
      options: { capacity: 1_048_576, preferredCapacity: null },
      sides: { read: { reads: true }, write: { writes: true } },
      traits: { named: false },
    })
    expect(made.links['events']).toMatchObject({
      lifetime: 'hold',
      options: { path: '/srv/orders/run/events', mode: 0o660, existing: false },
    })
  })

  it('in which a process has everything that was said of it', () => {
    expect(made.processes['parse']).toEqual({
      name: 'parse',
      argv: [['node'], ['parse.js']],
      cwd: '/srv/orders/work',
      env: { LANG: ['C'], N: ['3'], GONE: null },
      envFile: '/srv/orders/.env',
      umask: 0o027,
      redirections: [
        { fd: 0, to: { type: 'link', link: 'lines', side: 'read' } },
        { fd: 1, to: { type: 'file', path: '/srv/orders/out/log', mode: 'append' } },
        { fd: 2, to: { type: 'same', fd: 1 } },
      ],
      handles: [
        { link: 'talk', side: 'a', fd: 3, variable: 'TALK' },
        { link: 'events', side: 'write', fd: 9, variable: 'EVENTS' },
      ],
      needs: { tail: 'started' },
      ready: 'notify',
      restart: {
        policy: 'always',
        initialMs: 1000,
        factor: 2,
        maxMs: 30_000,
        jitter: false,
        stableAfterMs: 10_000,
        limit: 8,
        withinMs: 60_000,
      },
      cleanExits: [0, 3],
      stopSignal: 'SIGINT',
      stopTimeoutMs: 2000,
      hooks: { onStart: null, onExit: ['notify', 'it ended'], onGiveUp: null },
    })
  })

  it('in which a copy of a descriptor comes after what it copies', () => {
    expect(made.processes['peer.0']!.redirections).toEqual([
      { fd: 0, to: { type: 'inherit' } },
      { fd: 2, to: { type: 'null' } },
      { fd: 1, to: { type: 'same', fd: 2 } },
    ])
  })

  it('in which a pipeline is processes and pipes like any other', () => {
    expect(made.links['top.1']).toMatchObject({
      kind: 'pipe',
      options: { capacity: null, preferredCapacity: 262_144 },
      uses: [
        { process: 'top.1-sort', side: 'write' },
        { process: 'top.2-uniq', side: 'read' },
      ],
    })
    expect(made.processes['top.1-sort']).toMatchObject({
      argv: [['sort']],
      cwd: '/srv/orders/data',
      restart: { policy: 'on-failure' },
      redirections: [
        { fd: 0, to: { type: 'null' } },
        { fd: 1, to: { type: 'link', link: 'top.1', side: 'write' } },
        { fd: 2, to: { type: 'log' } },
        { fd: 0, to: { type: 'file', path: '/srv/orders/data/in', mode: 'read' } },
        { fd: 2, to: { type: 'same', fd: 1 } },
      ],
    })
    expect(made.processes['top.2-uniq']!.redirections.at(-1)).toEqual({
      fd: 1,
      to: { type: 'file', path: '/srv/orders/data/top.txt', mode: 'truncate' },
    })
  })

  it('that survives JSON', () => {
    expect(JSON.parse(JSON.stringify(made))).toEqual(made)
  })

  it('that is frozen to its leaves, and leaves the config as it was', () => {
    const mutable: string[] = []
    const visit = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) mutable.push(path)
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`)
    }
    visit(made, 'plan')
    expect(mutable).toEqual([])
    expect(Object.isFrozen(example.processes.parse.env)).toBe(false)
  })

  it('whose links list every process at every side, in declared order', () => {
    expect(made.links['lines']!.uses).toEqual([
      { process: 'tail', side: 'write' },
      { process: 'parse', side: 'read' },
    ])
    expect(made.links['talk']!.uses).toEqual([
      { process: 'parse', side: 'a' },
      { process: 'peer.0', side: 'b' },
    ])
  })

  it('with the name of the directory, made valid', () => {
    const nameIn = (directory: string) => plan({}, { directory }).plan.name
    expect(['/srv/my app.v2', '/srv/9-lives', '/', '/srv/été', '/x/'].map(nameIn)).toEqual([
      'my-app-v2',
      'lives',
      'ipcsup',
      't-',
      'x',
    ])
  })

  it('whatever the config: it is JSON, and frozen', () => {
    const stage = fc.constantFrom('cat', `grep 'a b'`, 'sort -u < in', 'wc 2>&1 > out', 'x 2>> err')
    const config = fc.record({
      pipelines: fc.dictionary(
        fc.stringMatching(/^[a-z]{1,6}$/),
        fc.array(stage, { minLength: 1, maxLength: 5 }).map(all => all.join(' | ')),
      ),
      stopTimeout: fc.oneof(
        fc.nat(10_000),
        fc.nat(60).map(seconds => `${seconds}s`),
      ),
    })
    fc.assert(
      fc.property(config, given => {
        const result = plan(given).plan
        expect(JSON.parse(JSON.stringify(result))).toEqual(result)
        expect(Object.values(result.processes).every(process => Object.isFrozen(process.redirections[0]!.to))).toBe(
          true,
        )
      }),
    )
  })
})

describe('what is wrong in a config is said with its path, the value and the nearest name', () => {
  const process = (own: object) => ({ processes: { a: { command: 'a', ...own } } })

  it.each([
    // Keys and types
    [{ linkz: {} }, 'linkz: is no key of a config. Did you mean "links"?'],
    [process({ stdinn: 'null' }), 'processes.a.stdinn: is no key of a process. Did you mean "stdin"?'],
    [process({ foo: 1 }), /^processes\.a\.foo: is no key of a process\. Known: command, shell, /],
    [
      { processes: { a: {} } },
      'processes.a.command: is missing; it must be a string such as "sort -u", or a list of arguments that is not empty.',
    ],
    [process({ command: [] }), /^processes\.a\.command: must be a string such as .*, got \[\]\./],
    [process({ command: '' }), /^processes\.a\.command: must be /],
    [process({ command: [''] }), 'processes.a.command: starts with an empty word: there is no command.'],
    [process({ command: ['a', 'b\0'] }), /^processes\.a\.command.* without a NUL/],
    [
      process({ command: ['a'], shell: true }),
      /^processes\.a\.command: is a list, and with shell: true it must be a string/,
    ],
    [process({ command: 'ls *' }), /^processes\.a\.command: character 4: "\*" unquoted/],
    [process({ onStart: 'a | b' }), /^processes\.a\.onStart: character 3: "\|" unquoted/],
    [process({ shell: 'bash' }), 'processes.a.shell: must be true or false, got "bash".'],
    [process({ restart: 'alwys' }), /^processes\.a\.restart: must be one of .*, got "alwys"\. Did you mean "always"\?/],
    [process({ restart: { limt: 3 } }), 'processes.a.restart.limt: is no key of restart. Did you mean "limit"?'],
    [
      process({ restart: { initial: '3x' } }),
      /^processes\.a\.restart\.initial: must be a time such as "500ms".*, got "3x"\./,
    ],
    [process({ restart: { factor: 0.5 } }), 'processes.a.restart.factor: must be a number from 1 to 1000, got 0.5.'],
    [process({ replicas: 0 }), 'processes.a.replicas: must be a whole number from 1 to 10000, got 0.'],
    [process({ umask: 660 }), /^processes\.a\.umask: must be permission bits such as 0o660 or "660", got 660\./],
    [process({ cleanExits: [256] }), 'processes.a.cleanExits[0]: must be a whole number from 0 to 255, got 256.'],
    [process({ stopSignal: 'INT' }), 'processes.a.stopSignal: there is no signal "INT". Did you mean "SIGINT"?'],
    [
      process({ stopSignal: 'SIGTREM' }),
      'processes.a.stopSignal: there is no signal "SIGTREM". Did you mean "SIGTERM"?',
    ],
    [process({ stopTimeout: '25d' }), /^processes\.a\.stopTimeout: must be a time/],
    [
      process({ env: { A: true } }),
      'processes.a.env.A: must be a string without a NUL, a number or null, got a value of type boolean.',
    ],
    [process({ env: { TOKEN: 's3cret\0' } }), 'processes.a.env.TOKEN: must be text without a NUL.'],
    [process({ env: 'TOKEN=s3cret' }), /^processes\.a\.env: must be an object: .*, got a value of type string\.$/],
    [process({ env: ['TOKEN=s3cret'] }), /^processes\.a\.env: must be an object: .*, got a list\.$/],
    [
      process({ command: '' }),
      /: must be a string such as "sort -u", or a list of arguments that is not empty, got ""\.$/,
    ],
    [process({ stdin: '' }), 'processes.a.stdin: must not be empty.'],
    [
      process({ stopSignal: 'SIGFOO' }),
      'processes.a.stopSignal: there is no signal "SIGFOO". Names are such as "SIGINT".',
    ],
    [
      process({ env: { 'A=B': 'x' } }),
      'processes.a.env.A=B: is no name of a variable: it is empty, or has a "=" or a NUL.',
    ],
    [
      process({ needs: { a: 'redy' } }),
      'processes.a.needs.a: must be one of "started", "ready" or "completed", got "redy". Did you mean "ready"?',
    ],
    [process({ ready: 'notifi' }), 'processes.a.ready: must be "notify", got "notifi". Did you mean "notify"?'],
    [
      { processes: { db: { command: 'a' }, web: { command: 'b', needs: { db: 'ready' } } } },
      'processes.web.needs.db: "db" does not tell when it is ready. If it sends READY=1 to $NOTIFY_SOCKET, give it ready: "notify"; else use "started".',
    ],
    [
      { processes: { web: { command: 'b', needs: { top: 'ready' } } }, pipelines: { top: 'a | b' } },
      'processes.web.needs.top: "top" does not tell when it is ready. Stages of a pipeline say nothing: use "started".',
    ],
    [{ processes: { '9lives': { command: 'a' } } }, /^processes\.9lives: is no valid name; a name is a letter/],
    [{ processes: { 'a.b': { command: 'a' } } }, /^processes\.a\.b: is no valid name/],
    [{ processes: { ['x'.repeat(64)]: { command: 'a' } } }, /is no valid name/],
    [{ name: 'a b' }, /^name: must be a name: .*, got "a b"\./],
    [{ logs: { maxSize: '10XB' } }, /^logs\.maxSize: must be a size such as "64KiB".*, got "10XB"\./],
    [{ logs: { files: 0 } }, 'logs.files: must be a whole number from 1 to 1000, got 0.'],
    [7, 'must be a config, got 7.'],
    [null, 'must be a config, got null.'],
    [[], 'must be a config, got [].'],
    // Links
    [
      { links: { x: { kind: 'pip' } } },
      'links.x.kind: there is no kind "pip". Did you mean "pipe"? Kinds: fifo, pipe, socketpair, unix, single.',
    ],
    [{ links: { x: {} } }, 'links.x.kind: is missing; it must be "fifo", "pipe", "socketpair", "unix" or "single".'],
    [{ links: { x: 'pipe' } }, 'links.x: must be an object with a kind, got "pipe".'],
    [
      { links: { x: { kind: 'fifo', capcity: 1 } } },
      'links.x.capcity: is no key of a link of kind fifo. Did you mean "capacity"?',
    ],
    [
      { links: { x: { kind: 'fifo', lifetime: 'rest' } } },
      'links.x.lifetime: must be one of "auto", "hold" or "reset", got "rest". Did you mean "reset"?',
    ],
    [{ links: { x: { kind: 'unix' } } }, 'links.x.path: is missing; it must be a path.'],
    [{ links: { x: { kind: 'single', slots: 9 } } }, 'links.x.slots: must be a whole number from 1 to 8, got 9.'],
    [
      { links: { x: { kind: 'single', slots: 1, order: 'lfo' } } },
      'links.x.order: must be one of "fifo" or "lifo", got "lfo". Did you mean "lifo"?',
    ],
    [
      { links: { x: { kind: 'single', slots: 1, owner: true } } },
      'links.x.owner: must be a user: its name or number, got true.',
    ],
    [{ links: { log: { kind: 'fifo' } } }, /^links\.log: "log" means something else in stdin, stdout and stderr/],
    [
      { links: { 'a-b': { kind: 'fifo' }, a_b: { kind: 'fifo' } } },
      /^links\.a_b: would have the same variable IPCSUP_FD_A_B as the link "a-b"/,
    ],
    // Streams and sides
    [process({ stdin: 'lnies', ...{} }), 'processes.a.stdin: there is no link "lnies". The config declares no links.'],
    [process({ stdin: 'nul' }), 'processes.a.stdin: there is no link "nul". Did you mean "null"?'],
    [process({ stdin: 'log' }), /^processes\.a\.stdin: there is no link "log"/],
    [process({ stdout: 'constructor' }), /^processes\.a\.stdout: there is no link "constructor"/],
    [process({ stdin: { file: 'x', append: true } }), /^processes\.a\.stdin\.append: is no key of a file to read/],
    [process({ stdout: { fil: 'x' } }), 'processes.a.stdout.fil: is no key of a file to write. Did you mean "file"?'],
    [
      process({ stdout: { link: 'lines', sid: 'write' } }),
      'processes.a.stdout.sid: is no key of a side of a link. Did you mean "side"?',
    ],
    [process({ stdout: 'stderr', stderr: 'stdout' }), /^processes\.a\.stderr: is "stdout" while stdout is "stderr"/],
    [
      { links: lines, processes: { ...ends, to: { command: 'b', stdin: 'lnies' } } },
      'processes.to.stdin: there is no link "lnies". Did you mean "lines"?',
    ],
    [
      { links: lines, processes: { a: { command: 'a', links: { lines: 'wirte' } } } },
      'processes.a.links.lines: link "lines" (pipe) has no side "wirte". Did you mean "write"?',
    ],
    [
      { links: lines, processes: { a: { command: 'a', links: { lines: { side: 'x' } } } } },
      'processes.a.links.lines.side: link "lines" (pipe) has no side "x". Its sides: "read" or "write".',
    ],
    [
      { links: lines, processes: { a: { command: 'a', stdin: { link: 'lines', side: 'write' } } } },
      'processes.a.stdin.side: side "write" of link "lines" (pipe) cannot be read. As stdin use "read".',
    ],
    [
      { links: { talk: { kind: 'socketpair' } }, processes: { a: { command: 'a', stdin: 'talk' } } },
      'processes.a.stdin: link "talk" (socketpair) can be read at the sides "a" or "b". Say which: { link: "talk", side: "a" }.',
    ],
    // Who is at a link
    [{ links: lines }, /^links\.lines: no process uses this link/],
    [
      { links: lines, processes: { from: ends.from } },
      'links.lines: no process has side "read" of this link; only "from" uses it. Give the other side to a process, or leave the link out.',
    ],
    [
      { links: { talk: { kind: 'socketpair' } }, processes: { a: { command: 'a', links: { talk: 'a' } } } },
      /^links\.talk: no process has side "b" of this link/,
    ],
    [
      { links: lines, processes: { ...ends, more: ends.to } },
      /^links\.lines: is read by "to" and "more": each byte would go to only one of them.* readers: "shared"/,
    ],
    [
      {
        links: { talk: { kind: 'socketpair' } },
        processes: {
          a: { command: 'a', links: { talk: 'a' }, replicas: 2 },
          b: { command: 'b', links: { talk: 'b' } },
        },
      },
      'links.talk: a socketpair can have only one process at side "a", and has "a.0" and "a.1". Give each a link of its own.',
    ],
    [
      {
        links: { lines: { kind: 'single', slots: 1, readers: 'shared' } },
        processes: { ...ends, to: { ...ends.to, replicas: 2 } },
      },
      'links.lines: a single can have only one reading process, and has "to.0" and "to.1". Give each a link of its own.',
    ],
    [
      { links: { lines: { kind: 'single', slots: 1 } }, processes: { ...ends, from: { ...ends.from, replicas: 2 } } },
      'links.lines: a single can have only one writing process, and has "from.0" and "from.1". Give each a link of its own.',
    ],
    [
      { processes: { a: { command: 'a', stdin: 'inherit' }, b: { command: 'b', stdin: 'inherit' } } },
      'processes.b.stdin: is "inherit" for "b" and for "a": only one process can read the input of ipcsup.',
    ],
    [
      { processes: { a: { command: 'a', stdin: 'inherit', replicas: 2 } } },
      /^processes\.a\.stdin: is "inherit" for "a\.1" and for "a\.0"/,
    ],
    // Needs
    [
      { processes: { serve: { command: 'a' }, b: { command: 'b', needs: ['serv'] } } },
      'processes.b.needs: there is no process "serv". Did you mean "serve"?',
    ],
    [
      { processes: { a: { command: 'a', needs: ['a'] } } },
      'processes.a.needs: go in a circle, so that none can start: a → a.',
    ],
    [
      {
        processes: {
          a: { command: 'a', needs: ['b'] },
          b: { command: 'b', needs: { c: 'completed' } },
          c: { command: 'c', needs: ['b'] },
        },
      },
      'processes.b.needs: go in a circle, so that none can start: b → c → b.',
    ],
    [
      { pipelines: { p: { line: 'a | b', needs: ['p'] } } },
      'pipelines.p.needs: go in a circle, so that none can start: p → p.',
    ],
    // Pipelines
    [{ pipelines: { p: 'a |' } }, 'pipelines.p: character 3: there is no command after "|".'],
    [{ pipelines: { p: { lin: 'a' } } }, 'pipelines.p.lin: is no key of a pipeline. Did you mean "line"?'],
    [{ pipelines: { p: 7 } }, 'pipelines.p: must be a line such as "sort < in | uniq -c", or { line, … }, got 7.'],
    [
      { processes: { p: { command: 'a' } }, pipelines: { p: 'a' } },
      'pipelines.p: there is a process "p" too. Rename one of them.',
    ],
    [{ pipelines: { p: { line: 'a', stdout: 'oot' } } }, /^pipelines\.p\.stdout: there is no link "oot"/],
  ])('%j: %s', (config, problem) => {
    const problems = problemsOf(config)
    const expected = typeof problem === 'string' ? problem : expect.stringMatching(problem)
    expect(problems).toContainEqual(expected)
  })

  it('all at once, each once, with none that only follows from another', () => {
    expect(
      problemsOf({
        links: { lines: { kind: 'pipe', capcity: 1 }, gone: { kind: 'pip' }, half: { kind: 'pipe' } },
        processes: {
          a: { command: 'ls *', stdin: 'lnies', stdout: 'half', restart: 'alwys' },
          b: { stdin: 'gone', command: 'b', needs: ['broken', 'nobody'] },
          broken: {},
        },
        extra: 1,
      }).map(problem => problem.split(': ')[0]),
    ).toEqual([
      'links.lines.capcity',
      'links.gone.kind',
      'processes.a.restart',
      'processes.broken.command',
      'extra',
      'processes.a.command',
      'processes.a.stdin',
      'processes.b.needs',
    ])
  })

  it('in one message, one line each, under the name of the file', () => {
    let message = ''
    try {
      plan({ linkz: 1, nam: 2 }, { configPath: '/srv/orders/ipcsup.config.json' })
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toBe(
      'The config /srv/orders/ipcsup.config.json has 2 problems:\n' +
        '  linkz: is no key of a config. Did you mean "links"?\n' +
        '  nam: is no key of a config. Did you mean "name"?',
    )
    expect(catchProblems(() => plan({ nam: 2 }))).toEqual([
      { path: 'nam', message: 'is no key of a config. Did you mean "name"?' },
    ])
  })

  it('even for a config that contains itself, or a long value', () => {
    const loop: Record<string, unknown> = {}
    loop['name'] = loop
    expect(problemsOf(loop)[0]).toContain('got an object that contains itself')
    expect(problemsOf({ name: ' '.repeat(500) })[0]!.length).toBeLessThan(250)
    expect(problemsOf({ name: () => 1 })[0]).toContain('got a function')
    expect(problemsOf({ processes: new Map([['a', { command: 'a' }]]) })[0]).toMatch(/^processes: .*, got a Map\.$/)
  })

  it('without a word of what is in an env that is no plain object', () => {
    const message =
      'processes.a.env: must be an object: variable → value, got one of another sort. Copy what is in it: { ...process.env }.'
    expect(problemsOf(process({ env: globalThis.process.env }))).toEqual([message])
  })

  it('even where somebody has forgotten to wait for the config', () => {
    const message = 'must be a config, got a promise. Wait for it, with `await`.'
    expect(problemsOf(Promise.resolve({ processes: {} }))).toEqual([message])
  })
})

it.each(['links', 'processes', 'pipelines', 'processes.a.env', 'processes.a.needs', 'processes.a.links'])(
  'a name "__proto__" in %s is no valid name',
  path => {
    const config = path.split('.').reduceRight((inner, key) => `{"${key}":${inner}}`, '{"__proto__":"x"}')
    const message = `${path}.__proto__: is no valid name: JavaScript has that for itself. Choose another one.`
    expect(problemsOf(JSON.parse(config))).toContain(message)
  },
)

it.each(['constructor', 'prototype', 'toString'])('the name "%s" is one as any other', name => {
  const { links, processes } = plan({
    links: { [name]: { kind: 'pipe' } },
    processes: {
      [name]: { command: 'a', stdout: name },
      b: { command: `b {${name}}`, links: { [name]: 'read' }, needs: { [name]: 'started' } },
    },
  }).plan
  expect(links[name]!.uses).toHaveLength(2)
  expect(processes['b']!.needs).toEqual({ [name]: 'started' })
})

describe('§4 needs that can never be met', () => {
  const deadlock = (need: string, processes: object, links: object = lines) =>
    problemsOf({
      links,
      processes: { ...processes, last: { command: 'c', stdin: 'out', needs: { [need]: 'completed' } } },
    })
  const chain = { lines: { kind: 'pipe' }, out: { kind: 'pipe' } }

  it('are refused: completed on what writes to the dependant, directly', () => {
    const processes = { from: { command: 'a', stdout: 'out' } }
    expect(deadlock('from', processes, { out: { kind: 'pipe' } })).toEqual([
      expect.stringMatching(/^processes\.last\.needs: "from" must be completed before "last" starts/),
    ])
  })

  it('or through others', () => {
    const processes = {
      from: { command: 'a', stdout: 'lines' },
      through: { command: 'b', stdin: 'lines', stdout: 'out' },
    }
    expect(deadlock('from', processes, chain)).toEqual([expect.stringContaining('both wait for ever')])
    expect(
      problemsOf({
        links: chain,
        processes: { ...processes, last: { command: 'c', stdin: 'out', needs: { from: 'started' } } },
      }),
    ).toEqual([])
  })

  it('but not on what writes elsewhere, or reads what the dependant writes', () => {
    expect(
      problemsOf({
        links: lines,
        processes: { ...ends, other: { command: 'c', needs: { from: 'completed', to: 'completed' } } },
      }),
    ).toEqual([])
    expect(
      problemsOf({
        links: lines,
        processes: { from: { ...ends.from, needs: { first: 'completed' } }, to: ends.to, first: { command: 'x' } },
      }),
    ).toEqual([])
  })

  it('nor between two at the same side', () => {
    const client = (own: object) => ({ command: 'c', links: { api: 'connect' }, ...own })
    const processes = { first: client({}), second: client({ needs: { first: 'completed' } }) }
    expect(warningsOf({ links: { api: { kind: 'unix', path: 'api' } }, processes })).toEqual([
      expect.stringMatching(/no process has side "listen"/),
    ])
  })
})

describe('groups', () => {
  it('a need on a process with replicas, or on a pipeline, means all of them', () => {
    const { processes } = plan({
      processes: {
        db: { command: 'db', replicas: 2 },
        web: { command: 'web', needs: { db: 'started', load: 'completed' } },
      },
      pipelines: { load: 'cat x | sort' },
    }).plan
    expect(processes['web']!.needs).toEqual({
      'db.0': 'started',
      'db.1': 'started',
      'load.1-cat': 'completed',
      'load.2-sort': 'completed',
    })
  })

  it('replicas may share a reading side', () => {
    expect(problemsOf({ links: lines, processes: { ...ends, to: { ...ends.to, replicas: 3 } } })).toEqual([])
  })

  it('sides of a link with a name may be for strangers', () => {
    expect(
      problemsOf({
        links: { f: { kind: 'fifo' }, g: { kind: 'fifo' } },
        processes: { a: { command: 'a', stdin: 'f' } },
      }),
    ).toEqual([])
  })

  it('an embedding app may take the other side', () => {
    expect(problemsOf({ links: lines, processes: { from: ends.from } }, { isEmbedded: true })).toEqual([])
  })

  it('both ends of one socketpair side may be the streams of a process', () => {
    const talk = (side: string) => ({ command: 'a', stdin: { link: 'talk', side }, stdout: { link: 'talk', side } })
    const { links } = plan({ links: { talk: { kind: 'socketpair' } }, processes: { a: talk('a'), b: talk('b') } }).plan
    expect(links['talk']!.uses).toEqual([
      { process: 'a', side: 'a' },
      { process: 'b', side: 'b' },
    ])
  })
})

describe('§8 descriptor numbers', () => {
  const links = {
    one: { kind: 'fifo' },
    api: { kind: 'unix', path: 'api' },
    two: { kind: 'fifo' },
    web: { kind: 'unix', path: 'web' },
  }
  const numbers = (given: object) =>
    plan({ links, processes: { a: { command: 'a', links: given } } }).plan.processes['a']!.handles.map(
      ({ link, fd }) => `${link}=${fd}`,
    )
  const problems = (given: object) => problemsOf({ links, processes: { a: { command: 'a', links: given } } })

  it('listening sides come first from 3, then the rest, in declared order', () => {
    expect(numbers({ one: 'read', api: 'listen', two: 'write', web: 'listen' })).toEqual([
      'api=3',
      'web=4',
      'one=5',
      'two=6',
    ])
  })

  it('fd: takes a number out of the sequence', () => {
    expect(numbers({ one: 'read', two: { side: 'write', fd: 3 } })).toEqual(['two=3', 'one=4'])
    expect(numbers({ one: { side: 'read', fd: 40 }, two: 'write' })).toEqual(['two=3', 'one=40'])
    expect(numbers({ api: { side: 'listen', fd: 4 }, web: 'listen', one: 'read' })).toEqual(['web=3', 'api=4', 'one=5'])
  })

  it('fd: twice is an error', () => {
    expect(problems({ one: { side: 'read', fd: 7 }, two: { side: 'write', fd: 7 } })).toEqual([
      'processes.a.links.two.fd: descriptor 7 is taken twice: link "one" has it too.',
    ])
  })

  it('fd: in the range of LISTEN_FDS for another link is an error', () => {
    expect(problems({ api: 'listen', web: 'listen', one: { side: 'read', fd: 4 } })).toEqual([
      'processes.a.links.one.fd: descriptor 4 is in the range of LISTEN_FDS: 3 to 4 is for the listening sides of this process. Use 5 or more.',
    ])
  })

  it('fd: past that range for a listening side is an error', () => {
    expect(problems({ api: { side: 'listen', fd: 9 } })).toEqual([
      'processes.a.links.api.fd: descriptor 9 is past the range of LISTEN_FDS: the listening sides of this process must be 3.',
    ])
  })

  it('fd: from 3 to 1023', () => {
    expect(problems({ one: { side: 'read', fd: 2 } })).toEqual([
      'processes.a.links.one.fd: must be a whole number from 3 to 1023, got 2.',
    ])
  })

  it('one variable for two links is an error', () => {
    expect(problems({ one: { side: 'read', env: 'TWO' }, two: 'read' })).toEqual([
      'processes.a.links.two.env: "TWO" is the variable of link "one" already.',
    ])
  })
})

describe('what is doubtful is a warning', () => {
  it('§10 several writers on a byte stream, unless their writes are lines', () => {
    const config = (own: object) => ({
      links: { lines: { kind: 'pipe', ...own } },
      processes: { ...ends, more: ends.from },
    })
    expect(warningsOf(config({}))).toEqual([
      expect.stringMatching(/^links\.lines: is written by "from" and "more", .* writers: "lines"/),
    ])
    expect(warningsOf(config({ writers: 'lines' }))).toEqual([])
  })

  it('§10 several readers are allowed where they are meant', () => {
    expect(
      warningsOf({ links: { lines: { kind: 'pipe', readers: 'shared' } }, processes: { ...ends, more: ends.to } }),
    ).toEqual([])
  })

  it.each([{ limit: 10, within: '1m', initial: '1s', max: '30s' }, { limit: 8, within: '20s' }, { limit: 1_000_000 }])(
    '§4 restarts that can never give up: %j',
    restart => {
      const warnings = warningsOf({ processes: { a: { command: 'a', restart } } })
      expect(warnings).toEqual([expect.stringMatching(/^processes\.a\.restart: may never give up/)])
    },
  )

  it.each([{}, { limit: 0 }, { limit: 8, within: '25500ms' }, { policy: 'never', limit: 100 }])(
    '§4 but not %j',
    restart => {
      expect(warningsOf({ processes: { a: { command: 'a', restart } } })).toEqual([])
    },
  )

  it('§7 a cycle of links', () => {
    const links = { there: { kind: 'pipe' }, back: { kind: 'pipe' } }
    const processes = {
      a: { command: 'a', stdin: 'back', stdout: 'there' },
      b: { command: 'b', stdin: 'there', stdout: 'back' },
    }
    expect(warningsOf({ links, processes })).toEqual([expect.stringMatching(/^a → b → a go in a circle/)])
  })

  it('§7 a cycle of a link and a need', () => {
    const processes = { ...ends, to: { ...ends.to, needs: ['from'] } }
    expect(warningsOf({ links: lines, processes })).toEqual([expect.stringMatching(/from → to → from/)])
  })

  it('§7 a cycle of servers that are clients of each other', () => {
    const links = { x: { kind: 'unix', path: 'x' }, y: { kind: 'unix', path: 'y' } }
    const processes = {
      a: { command: 'a', links: { x: 'listen', y: 'connect' } },
      b: { command: 'b {x}', links: { y: 'listen' } },
    }
    expect(warningsOf({ links, processes })).toEqual([expect.stringMatching(/^a → b → a go in a circle/)])
  })

  it('but not a server and its clients, also where a link has the name of a process', () => {
    const links = { db: { kind: 'unix', path: 'x' }, api: { kind: 'unix', path: 'y' } }
    const processes = {
      db: { command: 'db', links: { db: 'listen' } },
      api: { command: 'api', links: { api: 'listen', db: 'connect' } },
      client: { command: 'ask {api}' },
    }
    expect(warningsOf({ links, processes })).toEqual([])
  })

  it('clients without a server', () => {
    const links = { api: { kind: 'unix', path: 'x' } }
    const client = { command: 'ask {api}' }
    const server = { command: 'serve', links: { api: 'listen' } }
    expect(warningsOf({ links, processes: { client } })).toEqual([
      expect.stringMatching(
        /^links\.api: no process has side "listen": "client" will wait .* links: \{ api: "listen" \}/,
      ),
    ])
    expect(warningsOf({ links, processes: { client, server } })).toEqual([])
    expect(warningsOf({ links, processes: { server } })).toEqual([])
  })

  it('but not two processes that talk over one socketpair', () => {
    const processes = { a: { command: 'a', links: { talk: 'a' } }, b: { command: 'b', links: { talk: 'b' } } }
    expect(warningsOf({ links: { talk: { kind: 'socketpair' } }, processes })).toEqual([])
  })
})

describe('§16 limits', () => {
  it('10,000 processes with their replicas', () => {
    expect(problemsOf({ processes: { a: { command: 'a', replicas: 10_000 } } })).toEqual([])
    expect(problemsOf({ processes: { a: { command: 'a', replicas: 10_000 }, b: { command: 'b' } } })).toEqual([
      'processes: are 10001 with their replicas; at most 10000 can be in one config.',
    ])
  })

  it('10,000 links with those of pipelines', () => {
    const pipelines = { p: Array.from({ length: 10_000 }, () => 'a').join('|') }
    expect(problemsOf({ pipelines })).toEqual([])
    expect(problemsOf({ pipelines, links: { a: { kind: 'fifo' }, b: { kind: 'fifo' } } })).toEqual([
      'links: are 10001, those of pipelines included; at most 10000 can be in one config.',
    ])
  })

  it('the descriptors needed grow with links, processes and logs', () => {
    const empty = descriptorsNeeded(plan({}).plan)
    const many = (count: number, own: object) =>
      descriptorsNeeded(
        plan({
          processes: Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, { command: 'a', ...own }])),
        }).plan,
      )
    expect(many(100, {}) - many(50, {})).toBe(50 * 8)
    expect(many(100, { stdout: 'null', stderr: 'null' }) - many(50, { stdout: 'null', stderr: 'null' })).toBe(50 * 2)
    const linked = plan({ links: { lines: { kind: 'fifo' } } }).plan
    expect(descriptorsNeeded(linked) - empty).toBe(2)
    const numbered = { a: { command: 'a', links: { lines: { side: 'write', fd: 900 } } } }
    expect(descriptorsNeeded(plan({ links: { lines: { kind: 'fifo' } }, processes: numbered }).plan)).toBeGreaterThan(
      901,
    )
  })

  it('the kinds of the tests are those that exist', () => {
    expect(Object.keys(kinds)).toEqual(expect.arrayContaining(['pipe', 'fifo', 'socketpair']))
  })
})
