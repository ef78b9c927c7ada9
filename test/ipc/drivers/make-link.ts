// Makes the link "data" of its first argument (JSON) as often as the second says, all held at once, and prints what is
// said about it.
import { writeSync } from 'node:fs'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { createLink } from '../support.js'

const [link, count] = process.argv.slice(2)
const made: LinkObject[] = []
try {
  for (let number = 1; number <= Number(count); number++) {
    made.push(createLink(JSON.parse(link!), '/tmp', { uniqueName: `ipcsup.limit.${process.pid}.${number}` }))
  }
  writeSync(1, `made ${made.length}`)
} catch (error) {
  writeSync(1, `made ${made.length}: ${(error as Error).message}`)
} finally {
  for (const object of made) object.destroy()
}
