import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { explainBraces } from '../../src/config/braces.js'
import { splitWords } from '../../src/config/words.js'

describe('§11 braces stay as they are', () => {
  it.each([
    '{a,b}',
    'x{1..3}',
    '{a..e..2}y',
    '{-1..1}',
    '{,}',
    '{a,{b,c}}',
    `{'a',"b"}`,
    '{"a":1,"b":2}',
    '{a}',
    '{}',
    '{a',
    '{a.b}',
    '{1..}',
    '{a..12}',
    `'{a,b}'`,
    '"{a,b}"',
    '\\{a,b}',
    '{a\\,b}',
    `{a','b}`,
    '{a}{b},c',
  ])('and a warning comes where bash would expand them: %s', word => {
    const bash = execFileSync('/bin/bash', ['-c', `printf '%s\\0' ${word}`], { encoding: 'utf8' })
    const isExpanded = bash !== `${splitWords(`c ${word}`)[1]}\0`
    expect(explainBraces(`c ${word}`)).toHaveLength(isExpanded ? 1 : 0)
  })

  it('says where, and what to do', () => {
    expect(explainBraces('a | echo x{a,b}')).toEqual([
      'character 10: "x{a,b}" unquoted: bash makes several words of it, ipcsup does not: it stays as it is. ' +
        "To mean that, quote it, else write the words out, or give the whole to bash (bash -c '…').",
    ])
  })
})
