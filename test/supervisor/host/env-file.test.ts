import { expect, test } from 'vitest'
import { parseEnvFile } from '../../../src/supervisor/host/env-file.js'

test('an envFile has NAME=value lines, blank lines and comments', () => {
  expect(parseEnvFile('# a comment\n\nA=1\r\n  B = two words  \nC=\nD=a=b\n#E=5')).toEqual({
    A: '1',
    B: 'two words',
    C: '',
    D: 'a=b',
  })
})

test('a comment follows a value after a blank; # within a word is part of it', () => {
  expect(parseEnvFile('A=1 # one\nB=a#b\nC=# nothing')).toEqual({ A: '1', B: 'a#b', C: '' })
})

test('single quotes take everything as it is, double quotes know \\" \\\\ and \\n', () => {
  const lines = [String.raw`A='a # "b" \n $C' # comment`, String.raw`B="say \"x\" \\ \n \t # $A"`]
  expect(parseEnvFile(lines.join('\n'))).toEqual({ A: String.raw`a # "b" \n $C`, B: 'say "x" \\ \n \\t # $A' })
})

test('nothing is expanded', () => {
  expect(parseEnvFile('A=$HOME `x` ${Y}')).toEqual({ A: '$HOME `x` ${Y}' })
})

test('the last line of a name counts', () => {
  expect(parseEnvFile('A=1\nA=2')).toEqual({ A: '2' })
})

test('export before a name means nothing, as in a file that a shell reads too', () => {
  expect(parseEnvFile('export A=1\nexport   B="x"\nexport=3')).toEqual({ A: '1', B: 'x', export: '3' })
})

test.each([
  ['A=1\nB', 2, 'there is no "=" in it'],
  ['=x', 1, 'what is before the "=" is not a name'],
  ['declare A=1', 1, 'what is before the "=" is not a name'],
  ["A='x", 1, "the ' is not closed"],
  ['A="x\\"', 1, 'the " is not closed'],
  ['\n\nA="x"y', 3, 'there is text after the closing "'],
])('%j is refused with its line', (text, line, why) => {
  expect(() => parseEnvFile(text)).toThrow(`line ${line}: ${why}`)
})
