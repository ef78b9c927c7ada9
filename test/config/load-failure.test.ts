import { expect, test } from 'vitest'
import { explainFailure } from '../../src/config/load-failure.js'

const failure = (code: string, what: string, path: string) =>
  Object.assign(new Error(`${code}: ${what}, open '${path}'`), { code, path })

test('what the system says of a file that it does not give names that file no second time', () => {
  const explain = (error: Error) => explainFailure('/srv/a.json', error)
  expect(explain(failure('EACCES', 'permission denied', '/srv/a.json'))).toBe('there is no permission to read it.')
  expect(explain(failure('EIO', 'i/o error', '/srv/a.json'))).toBe('EIO: i/o error.')
  // A file that the config itself reads.
  expect(explain(failure('EACCES', 'permission denied', '/srv/b'))).toBe(
    "Error: EACCES: permission denied, open '/srv/b'.",
  )
})
