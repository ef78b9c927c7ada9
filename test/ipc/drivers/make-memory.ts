// Makes the link of its first argument (JSON, as a config has it), writes to all of its memory, and prints what came of
// it: how many bytes, or what is said about the failure and what is left in the directory of its second argument,
// which must be empty, and which paths are relative to.
import { readdirSync, writeSync } from 'node:fs'
import { openShm } from '../../../src/ipc/shm.js'
import { createLink } from '../support.js'

const [link, directory = ''] = process.argv.slice(2)

function make(): string {
  const object = createLink(JSON.parse(link!), directory)
  const memory = openShm({ descriptor: object.take('map'), side: 'map' })
  memory.bytes.fill(1)
  object.destroy()
  return `made ${memory.bytes.length}`
}

try {
  writeSync(1, make())
} catch (error) {
  const left = readdirSync(directory)
  writeSync(1, `${(error as Error).message}${left.length > 0 ? ` Left behind: ${left.join()}` : ''}`)
}
