import { describe, expect, it } from 'vitest'
import { parsePipeline } from '../../src/config/pipeline.js'

const file = (fd: number, path: string, mode: string) => ({ fd, to: { type: 'file', path, mode } })
const same = (fd: number, of: number) => ({ fd, to: { type: 'same', fd: of } })

describe('stages of a pipeline', () => {
  it('have readable names: the number and the name of the command', () => {
    const labels = parsePipeline(`/usr/bin/sort | ./my tool.sh | 'a b$' | {x} | /`).map(stage => stage.label)
    expect(labels).toEqual(['1-sort', '2-my', '3-a_b_', '4-_x_', '5-command'])
  })

  it.each([
    ['sort', [[]]],
    ['sort < in > out', [[file(0, 'in', 'read'), file(1, 'out', 'truncate')]]],
    ['< in sort >> out 2>> err', [[file(0, 'in', 'read'), file(1, 'out', 'append'), file(2, 'err', 'append')]]],
    ['sort >| out 2> err', [[file(1, 'out', 'truncate'), file(2, 'err', 'truncate')]]],
    ['a 2>&1 > f | b', [[same(2, 1), file(1, 'f', 'truncate')], []]],
    ['a > f 2>&1 | b', [[file(1, 'f', 'truncate'), same(2, 1)], []]],
    ['a |& b', [[same(2, 1)], []]],
    ['a 2> e |& b', [[file(2, 'e', 'truncate'), same(2, 1)], []]],
    ['a 1>&2 | b >&2', [[same(1, 2)], [same(1, 2)]]],
    ['a 2>&1>f', [[same(2, 1), file(1, 'f', 'truncate')]]],
    ['a 0< in 1> out', [[file(0, 'in', 'read'), file(1, 'out', 'truncate')]]],
    ['a 2 > out', [[file(1, 'out', 'truncate')]]],
    ['a2>out', [[file(1, 'out', 'truncate')]]],
    [`a '2'>out`, [[file(1, 'out', 'truncate')]]],
    [`a > 'b c'\\|d`, [[file(1, 'b c|d', 'truncate')]]],
    ['a |\n b |&\n\n c\n', [[], [same(2, 1)], []]],
  ])('%j are redirected from left to right: %j', (line, redirections) => {
    expect(parsePipeline(line).map(stage => stage.redirections)).toEqual(redirections)
  })

  it('have the words around their redirections', () => {
    const [stage] = parsePipeline(`grep > out -v 2>&1 'a|b' < in "c > d"`)
    expect(stage!.words).toEqual(['grep', '-v', 'a|b', 'c > d'])
  })

  it.each([
    ['', 1, 'there is no command'],
    ['| a', 1, 'stage 1 has no command'],
    ['a |', 3, 'there is no command after "|"'],
    ['a |& ', 3, 'there is no command after "|&"'],
    ['a | | b', 5, 'stage 2 has no command'],
    ['a | > out', 5, 'stage 2 has no command'],
    ['a >', 3, 'there is no file after ">"'],
    ['a 2>> | b', 3, 'there is no file after "2>>"'],
    ['a > > b', 3, 'there is no file after ">"'],
    ['a > 2>f', 3, 'there is no file after ">"'],
    ['a 3> f', 3, '"3>": only the descriptors 0, 1 and 2'],
    ['a 2>&3', 3, '"2>&3": only the descriptors 0, 1 and 2'],
    ['a >& f', 3, 'after ">&" there must be 0, 1 or 2'],
    ['a 2>&-', 3, 'closing a descriptor is not supported'],
    ['a {fd}> f', 3, 'a new descriptor'],
    ['a < b; c', 6, '";"'],
    ['a\nb | c', 2, '"\\n"'],
    ['a | for x', 5, '"for" is a word'],
    ['a | X=1 b', 5, '"X=1" sets a variable'],
    ['a | b *', 7, '"*" unquoted'],
    ['a <& 3', 3, '"<&"'],
    ['a &>> f', 3, 'Write ">> file 2>&1" instead'],
    ['a <> f', 3, '"<>"'],
  ])('§10 %j is an error at character %d: %s', (line, character, message) => {
    expect(() => parsePipeline(line)).toThrow(`character ${character}: `)
    expect(() => parsePipeline(line)).toThrow(message)
  })
})
