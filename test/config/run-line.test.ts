import { describe, expect, it } from 'vitest'
import { parseRunLine } from '../../src/config/run-line.js'
import { catchProblems, kinds } from './support.js'

const run = (line: string, own: object = {}) => parseRunLine(line, { kinds, cwd: '/srv/data', ...own }).plan

describe('the Plan of `ipcsup run`', () => {
  it('§12 has the streams of ipcsup itself at its ends, and stderr of every stage', () => {
    const { processes, links } = run('a < in | b |& c')
    expect(
      Object.values(processes).map(({ name, redirections }) => [name, ...redirections.map(({ to }) => to)]),
    ).toEqual([
      [
        'run.1-a',
        { type: 'inherit' },
        { type: 'link', link: 'run.1', side: 'write' },
        { type: 'inherit' },
        { type: 'file', path: '/srv/data/in', mode: 'read' },
      ],
      [
        'run.2-b',
        { type: 'link', link: 'run.1', side: 'read' },
        { type: 'link', link: 'run.2', side: 'write' },
        { type: 'inherit' },
        { type: 'same', fd: 1 },
      ],
      ['run.3-c', { type: 'link', link: 'run.2', side: 'read' }, { type: 'inherit' }, { type: 'inherit' }],
    ])
    expect(Object.keys(links)).toEqual(['run.1', 'run.2'])
  })

  it('restarts nothing, unless asked to', () => {
    expect(run('a').processes['run.1-a']!.restart.policy).toBe('never')
    expect(run('a', { restart: 'always' }).processes['run.1-a']!.restart.policy).toBe('always')
  })

  it('has the cwd and strict it was given, is frozen and survives JSON', () => {
    const plan = run('a | b', { strict: true })
    expect(plan).toMatchObject({ name: 'run', directory: '/srv/data', configPath: null, strict: true })
    expect(Object.isFrozen(plan.processes['run.1-a']!.argv[0])).toBe(true)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })

  it('leaves all braces as they are: a line has no links', () => {
    expect(run(`awk '{print}' {x}`).processes['run.1-awk']!.argv).toEqual([['awk'], ['{print}'], ['{x}']])
  })

  it('warns of what bash would make several words of', () => {
    const { warnings } = parseRunLine('echo {a,b} a{1..3} | cat {x} {a,b}', { kinds, cwd: '/' })
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^character 6: "\{a,b\}" unquoted: bash makes several words of it.*quote it/),
      expect.stringMatching(/^character 12: "a\{1\.\.3\}" unquoted/),
      expect.stringMatching(/^character 30: "\{a,b\}" unquoted/),
    ])
  })

  it('a pipe at which a stage is replaced by a file is still its own: the other side sees the end', () => {
    expect(run('a > f | b').links['run.1']!.uses).toEqual([
      { process: 'run.1-a', side: 'write' },
      { process: 'run.2-b', side: 'read' },
    ])
  })

  it('a line that is not understood is an error that says where', () => {
    expect(catchProblems(() => run('a | b *'))).toEqual([
      { path: '', message: expect.stringMatching(/^character 7: "\*" unquoted/) },
    ])
    expect(() => run('a |')).toThrow('The line has a problem:\n  character 3: there is no command after "|".')
  })
})
