import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitWords } from '../../src/config/words.js'

describe('a command is split as a POSIX shell splits words', () => {
  it.each([
    ['sort -u', ['sort', '-u']],
    ['  sort\t-u  ', ['sort', '-u']],
    [`cut -d' ' -f1`, ['cut', '-d ', '-f1']],
    [`grep "a b" 'c "d"' e\\ f`, ['grep', 'a b', 'c "d"', 'e f']],
    [`echo '' ""`, ['echo', '', '']],
    [`echo "\\$x \\\\ \\" \\a"`, ['echo', '$x \\ " \\a']],
    [`echo '$x' '*' \\* \\$x`, ['echo', '$x', '*', '*', '$x']],
    ['echo a#b a~b a=b a:~ ! ^ % { } ]', ['echo', 'a#b', 'a~b', 'a=b', 'a:~', '!', '^', '%', '{', '}', ']']],
    [`awk '{print $1}' {in}`, ['awk', '{print $1}', '{in}']],
    ['find . -exec {} +', ['find', '.', '-exec', '{}', '+']],
    ['echo a\\\nb \\\n c', ['echo', 'ab', 'c']],
    ['echo "a\\\nb"', ['echo', 'ab']],
    ['\n sort\n', ['sort']],
    [`'if' x`, ['if', 'x']],
    [`'{left}' "{right}" {other}`, ['{left}', '{right}', '{other}']],
  ])('%j is %j', (command, words) => {
    expect(splitWords(command)).toEqual(words)
  })

  it.each([
    ['echo $HOME', 6, '"$" unquoted'],
    ['echo "$HOME"', 7, '"$" between double quotes'],
    ['echo `date`', 6, '"`" unquoted'],
    ['echo "`date`"', 7, '"`" between double quotes'],
    ['ls *.md', 4, '"*" unquoted'],
    ['ls a?', 5, '"?" unquoted'],
    ['ls [ab]', 4, '"[" unquoted'],
    ['ls ~/x', 4, '"~" unquoted'],
    ['dd of=~/x', 7, '"~" unquoted'],
    ['dd of=/a:~', 10, '"~" unquoted'],
    ['a; b', 2, '";"'],
    ['a & b', 3, '"&"'],
    ['a && b', 3, '"&&"'],
    ['a || b', 3, '"||"'],
    ['(a)', 1, '"("'],
    ['a )', 3, '")"'],
    ['a < b', 3, '"<" unquoted'],
    ['a > b', 3, '">" unquoted'],
    ['a 2>&1', 3, '">&" unquoted'],
    ['a | b', 3, '"|" unquoted'],
    ['a <(b)', 3, '"<("'],
    ['a <<EOF', 3, '"<<"'],
    ['a <<< b', 3, '"<<<"'],
    ['a &> b', 3, '"&>"'],
    ['a # b', 3, '"#" at the start of a word'],
    ['a\nb', 2, '"\\n"'],
    [`a 'b`, 3, 'the single quote is not closed'],
    ['a "b', 3, 'the double quote is not closed'],
    ['echo a\\', 7, 'nothing follows the backslash'],
    ['a\0', 2, 'NUL'],
    ['if x', 1, '"if" is a word of the shell\'s own grammar'],
    ['! x', 1, '"!" is a word'],
    ['LC_ALL=C sort', 1, '"LC_ALL=C" sets a variable'],
    ['', 1, 'there is no command'],
    ['  \n', 1, 'there is no command'],
  ])('§10 %j is an error at character %d: %s', (command, character, message) => {
    expect(() => splitWords(command)).toThrow(`character ${character}: `)
    expect(() => splitWords(command)).toThrow(message)
  })

  it('§10 errors about what a shell would do suggest quoting and shell: true', () => {
    for (const command of ['ls *', 'echo $x', 'a ; b', 'ls ~', 'a # b', 'a < b'])
      expect(() => splitWords(command)).toThrow(/quote it.*shell: true/)
    expect(() => splitWords('echo "$x"')).toThrow(/single quotes.*shell: true/)
  })

  it('§10 whatever is accepted means the same to bash', () => {
    const characters = [...`ab 1\t'"\\$\`*?[]~#;&()<>|{}!=:^%,.-/\n`, 'é', ' ', ' ', "'", '"', '\\', '\\\n']
    const line = fc.array(fc.constantFrom(...characters), { maxLength: 14 }).map(parts => `c ${parts.join('')}`)
    let accepted = 0
    const property = fc.property(line, text => {
      const words = trySplit(text)
      if (words === null) return
      accepted++
      // Brace expansion is bash's own, not POSIX's.
      const script = `c() { printf '%s\\0' "$#" "$@"; }; ${text}`
      const output = execFileSync('/bin/bash', ['+B', '-c', script], {
        env: { PATH: '/nowhere', HOME: '/home/h' },
        encoding: 'utf8',
      })
      expect(output).toBe([`${words.length - 1}`, ...words.slice(1)].map(word => `${word}\0`).join(''))
    })
    fc.assert(property, { numRuns: 2000 })
    expect(accepted).toBeGreaterThan(300)
  })
})

function trySplit(text: string): string[] | null {
  try {
    return splitWords(text)
  } catch {
    return null
  }
}
