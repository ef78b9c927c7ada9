/** Fills the file system of argv[2] with a ledger until a row is refused, makes room, and tells what the ledger says then. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLedger, readLedger } from '../../../../src/supervisor/run/ledger.js'

const directory = process.argv[2]!
const filler = join(directory, 'filler')
writeFileSync(filler, Buffer.alloc(8_192))
const header = { id: 'x', pid: 1, startTime: 1, bootId: 'x', configPath: null, name: 'x', version: '0' }
const ledger = createLedger(directory, header, [])
let refusal = ''
while (refusal === '')
  try {
    ledger.recordProcess('before', 1, 1)
  } catch (error) {
    refusal = (error as NodeJS.ErrnoException).code ?? 'none'
  }
try {
  ledger.recordObject('data', { type: 'file', name: '/somewhere', identity: null })
} catch (error) {
  refusal += ` ${(error as Error).message}`
}
rmSync(filler)
ledger.recordProcess('after', 2, 1)
console.log(JSON.stringify({ refusal, last: readLedger(directory)?.processes.at(-1) }))
