import { describe, expect, it } from 'vitest'
import { parseTemplate } from '../../src/config/placeholders.js'
import { plan, problemsOf, warningsOf } from './support.js'

const links = new Map([
  ['left', 1],
  ['api', 1],
  ['x', 1],
])
const natural = (link: string) => ({ link, part: 'natural' })

describe('§11 placeholders', () => {
  it.each([
    ['diff {left}', ['diff ', natural('left')]],
    ['{left}', [natural('left')]],
    ['{left}{x}', [natural('left'), natural('x')]],
    ['--fd={api.fd}!', ['--fd=', { link: 'api', part: 'fd' }, '!']],
    [
      '{api.path} {api.name} {api.host}:{api.port}',
      [
        { link: 'api', part: 'path' },
        ' ',
        { link: 'api', part: 'name' },
        ' ',
        { link: 'api', part: 'host' },
        ':',
        { link: 'api', part: 'port' },
      ],
    ],
    ['{print}', ['{print}']],
    ['{}', ['{}']],
    ['{ left }', ['{ left }']],
    ['{{left}}', ['{', natural('left'), '}']],
    ['${left}', ['$', natural('left')]],
    ['{toString} {constructor}', ['{toString} {constructor}']],
    ['{left', ['{left']],
    ['', ['']],
  ])('%j is %j', (text, template) => {
    expect(parseTemplate(text, links).template).toEqual(template)
  })

  it('braces that name no link stay as they are, quoted or not', () => {
    const { plan: made, warnings } = plan({
      links: { left: { kind: 'pipe' } },
      processes: {
        a: { command: `awk '{print}'`, stdout: 'left' },
        b: { command: ['find', '.', '-exec', '{}', '+'], stdin: 'left' },
      },
    })
    expect(made.processes['a']!.argv).toEqual([['awk'], ['{print}']])
    expect(made.processes['b']!.argv.slice(3)).toEqual([['{}'], ['+']])
    expect(warnings).toEqual([])
  })

  it('mean the same in single quotes, in double quotes, in a list, with shell: true and in env', () => {
    const handles = { links: { left: 'read' }, stdout: 'null' }
    const { processes } = plan({
      links: { left: { kind: 'fifo', readers: 'shared' } },
      processes: {
        a: { command: `cat {left} '{left}' "{left}"`, ...handles },
        b: { command: ['cat', '{left}'], ...handles, env: { IN: '{left.path}', N: 3, GONE: null } },
        c: { command: 'cat {left} | wc', shell: true, ...handles },
      },
    }).plan
    expect(processes['a']!.argv.slice(1)).toEqual([[natural('left')], [natural('left')], [natural('left')]])
    expect(processes['b']!.env).toEqual({ IN: [{ link: 'left', part: 'path' }], N: ['3'], GONE: null })
    expect(processes['c']!.argv).toEqual([['/bin/sh'], ['-c'], ['cat ', natural('left'), ' | wc']])
  })

  it('a brace word one edit from the name of a link is a warning', () => {
    const [warning, ...others] = warningsOf({
      links: { lines: { kind: 'fifo' } },
      processes: { a: { command: 'cat {lnes}', links: { lines: 'read' } } },
    })
    expect(warning).toBe('processes.a.command: {lnes} is no link and stays as it is. Did you mean {lines}?')
    expect(others).toEqual([])
  })

  it('one that is farther away is none of ours', () => {
    const a = { command: 'cat {linnnes} {print}', links: { lines: 'read' } }
    expect(warningsOf({ links: { lines: { kind: 'fifo' } }, processes: { a } })).toEqual([])
  })

  const one = (link: object, process: object) =>
    problemsOf({ links: { x: link }, processes: { a: process } }, { isEmbedded: true })

  it('naming a link at which the process has no side is an error that names the sides', () => {
    expect(one({ kind: 'pipe' }, { command: 'cat {x}' })).toEqual([
      'processes.a.command: {x}: this process has no side of link "x". Add links: { x: side }, with side "read" or "write".',
    ])
  })

  it('naming a link that is at stdin only is an error that says what to do', () => {
    expect(one({ kind: 'pipe' }, { command: 'cat {x}', stdin: 'x' })[0]).toMatch(/\/dev\/fd\/0.*add it to links/)
  })

  it('naming a link in a stage of a pipeline is an error', () => {
    const config = { links: { x: { kind: 'fifo' } }, pipelines: { p: 'cat {x}', q: 'cat < {x}' } }
    expect(problemsOf(config)).toEqual([
      `pipelines.p: {x}: a stage of a pipeline has no links of its own. Make it a process with links: { x: 'read' or 'write' }.`,
      'pipelines.q: "{x}" after a redirection: a link is no file. Use { line, stdin: "x" } or stdout to join a pipeline with a link.',
    ])
  })

  it('naming a link with a side connect implies that side', () => {
    const { processes, links: planned } = plan({
      links: { api: { kind: 'unix', path: 'api.sock' } },
      processes: { a: { command: 'curl --unix-socket {api} x' }, b: { command: 'serve', links: { api: 'listen' } } },
    }).plan
    expect(processes['a']!.handles).toEqual([{ link: 'api', side: 'connect', fd: 3, variable: 'API' }])
    expect(planned['api']!.uses).toContainEqual({ process: 'a', side: 'connect' })
  })

  it.each([
    [{ kind: 'socketpair' }, 'a', '{x}', 'a socketpair has no path, name or address. Use {x.fd}'],
    [{ kind: 'pipe' }, 'read', '{x.path}', 'a pipe has no path. Use {x} or {x.fd}.'],
    [{ kind: 'fifo' }, 'read', '{x.port}', 'a fifo has no port. Use {x} or {x.path} or {x.fd}.'],
    [{ kind: 'fifo' }, 'read', '{x.pth}', 'a link has no part "pth". Did you mean "path"?'],
    [{ kind: 'fifo' }, 'read', '{x.zzz}', 'a link has no part "zzz". There are {x.fd}'],
  ])('of %j at %j, %s is an error: %s', (link, side, word, message) => {
    expect(one(link, { command: `c ${word}`, links: { x: side } })).toEqual([expect.stringContaining(message)])
  })

  it.each([
    [{ kind: 'socketpair' }, 'a', '{x.fd}'],
    [{ kind: 'pipe' }, 'write', '{x} {x.fd}'],
    [{ kind: 'fifo' }, 'read', '{x} {x.fd} {x.path}'],
  ])('of %j at %j, %s are there', (link, side, words) => {
    expect(one(link, { command: `c ${words}`, links: { x: side } })).toEqual([])
  })
})
