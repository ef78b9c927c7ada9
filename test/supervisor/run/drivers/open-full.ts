/** Opens a run below argv[2], the file system of which is full, and tells what came of it. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRun } from '../../../../src/supervisor/run/open.js'

const directory = process.argv[2]!
try {
  writeFileSync(join(directory, 'filler'), Buffer.alloc(1_048_576))
} catch {
  // Full now, as it was meant.
}
const open = openRun({ key: { pid: 1 }, name: 'x', version: '0', environment: { XDG_RUNTIME_DIR: directory } })
const outcome = await open.catch((error: { code: string; message: string }) => error)
console.log(JSON.stringify({ code: 'code' in outcome && outcome.code, left: readdirSync(join(directory, 'ipcsup')) }))
