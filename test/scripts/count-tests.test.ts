import { describe, expect, test } from 'vitest'

const { countTests, describeCount } = await import(new URL('../../scripts/count-tests.mjs', import.meta.url).href)

function file(status: string, ...statuses: string[]) {
  return { name: 'a.test.ts', status, assertionResults: statuses.map(each => ({ status: each, fullName: each })) }
}

function say(...testResults: unknown[]): string {
  return describeCount(countTests({ testResults }))
}

describe('the last line of the tests', () => {
  test('counts over all files', () => {
    expect(say(file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed'))).toBe('3 passed, 1 failed')
  })

  test('counts what was skipped or left to do, and only then mentions it', () => {
    expect(say(file('passed', 'passed', 'skipped', 'pending', 'todo'))).toBe('1 passed, 0 failed, 3 skipped')
  })

  test('counts a file that cannot be loaded as a failure', () => {
    expect(say(file('failed'), file('passed', 'passed'))).toBe('1 passed, 1 failed')
  })

  test('says that nothing passed when there is no report', () => {
    expect(describeCount(countTests(null))).toBe('0 passed, 0 failed')
  })
})
