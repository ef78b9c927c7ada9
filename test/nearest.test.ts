import { describe, expect, it } from 'vitest'
import { nearest, suggest } from '../src/nearest.js'

describe('the nearest name', () => {
  it.each([
    ['lnies', ['lines', 'totals'], 'lines'],
    ['line', ['lines', 'totals'], 'lines'],
    ['capcity', ['capacity', 'kind'], 'capacity'],
    ['alwys', ['always', 'never'], 'always'],
    ['on-failur', ['on-failure'], 'on-failure'],
    ['processess', ['processes'], 'processes'],
    ['ab', ['ba', 'abc'], 'ba'],
    ['totl', ['totals', 'total'], 'total'],
  ])('of %j among %j is %j', (word, names, name) => {
    expect(nearest(word, names)).toBe(name)
  })

  it.each([
    ['lines', ['lines', 'line']],
    ['sort', ['parse', 'tail']],
    ['ab', ['cd']],
    ['abcd', ['abXY']],
    ['x', ['t', 'xy']],
    ['', []],
  ])('of %j among %j is none', (word, names) => {
    expect(nearest(word, names)).toBeNull()
  })

  it('is no farther than asked for', () => {
    expect(nearest('linnnes', ['lines'], 1)).toBeNull()
    expect(nearest('linnnes', ['lines'])).toBe('lines')
  })

  it('is the end of a sentence', () => {
    expect(suggest('lnies', ['lines'])).toBe(' Did you mean "lines"?')
    expect(suggest('xyz', ['lines'])).toBe('')
  })
})
