import { describe, expect, test } from 'vitest'
import { makeSchema } from '../../src/config/schema.js'
import { describeUnknownKeys } from '../../src/config/unknown-keys.js'
import { kinds } from '../../src/ipc/kinds/index.js'

function messagesOf(config: object): string[] {
  const result = makeSchema(kinds).safeParse(config)
  return result.success ? [] : result.error.issues.flatMap(issue => issue.message.split('\n'))
}

const ofProcess = (key: string) => messagesOf({ processes: { web: { command: 'true', [key]: 1 } } })

describe('a key of another supervisor', () => {
  test.each([
    ['instances', 'replicas'],
    ['depends_on', 'needs'],
    ['dependsOn', 'needs'],
    ['environment', 'env'],
    ['working_dir', 'cwd'],
    ['WorkingDirectory', 'cwd'],
    ['autorestart', 'restart'],
    ['kill_timeout', 'stopTimeout'],
    ['stop_grace_period', 'stopTimeout'],
    ['error_file', 'stderr'],
    ['healthcheck', 'ready'],
    ['ports', 'links'],
  ])('%s of a process is said to be %s here', (key, ours) => {
    expect(ofProcess(key)).toEqual([`is no key of a process. Here that is "${ours}".`])
  })

  test.each([
    ['max_restarts', 'a key of "restart"'],
    ['user', 'setpriv'],
    ['watch', 'node --watch'],
    ['cron_restart', 'loop'],
    ['max_memory_restart', 'prlimit'],
    ['nice', 'nice -n 10'],
  ])('%s of a process is said to be elsewhere', (key, text) => {
    expect(ofProcess(key)).toEqual([expect.stringContaining(text)])
  })

  test('is no hint where the object has none such', () => {
    expect(messagesOf({ apps: [] })).toEqual(['is no key of a config. Here that is "processes".'])
    expect(messagesOf({ pipelines: { top: { line: 'true', user: 'x' } } })).toEqual([
      expect.stringMatching(/^is no key of a pipeline\. Known: line, /),
    ])
  })
})

test('the keys that there are stand there once, however many are wrong', () => {
  const text = describeUnknownKeys(['foo', 'comand', 'bar', 'instances'], 'a process', ['command', 'replicas'])
  expect(text.split('\n')).toEqual([
    'is no key of a process. Known: command, replicas.',
    'is no key of a process. Did you mean "command"?',
    'is no key of a process.',
    'is no key of a process. Here that is "replicas".',
  ])
})
