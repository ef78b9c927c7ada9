// Takes ends of one ring, and opens none of them, until the system refuses: prints the error.
import { writeSync } from 'node:fs'
import type { IpcsupError } from '../../../src/errors.js'
import { createLink, makeDirectory } from '../support.js'

const object = createLink({ kind: 'ring' }, makeDirectory(), { uses: [{ process: 'w', side: 'write' }] })
try {
  for (;;) object.take('write', 'w')
} catch (error) {
  writeSync(1, JSON.stringify([error, ((error as IpcsupError).cause as IpcsupError).detail['errno']]))
}
