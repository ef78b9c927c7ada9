/**
 * A store on a disk that is soon full:
 *
 *     small-disk.mjs DIRECTORY BALLAST
 *
 * Records until nothing more is taken, removes BALLAST, goes on, and says as JSON what was taken, what is there, and what a
 * later one finds.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Store } from '../../../../src/ipc/service/store/store.js'
import { until } from '../../../support/conditions.js'

const [directory = '', ballast = ''] = process.argv.slice(2)
const path = join(directory, 'store', 'calc.store')
writeFileSync(ballast, Buffer.alloc(400 * 1024))
const store = await Store.open(path, { compactAtBytes: 64 * 1024 })
const taken: number[] = []
const codes = new Set<unknown>()
let number = 0

const isUsable = (): boolean => {
  try {
    store.check()
    return true
  } catch (error) {
    codes.add((error as { code?: unknown }).code)
    return false
  }
}

/** Replaces what there is of the same name, so that it is written anew now and then. */
async function put(): Promise<void> {
  const mine = ++number
  const transaction = store.begin()
  transaction.set('filling', 'x'.repeat(30_000 + mine))
  transaction.append('numbers', mine)
  transaction.end()
  await store.record(`key ${mine}`, `{"value":"${'y'.repeat(1000)}"}`, transaction.effects)
  taken.push(mine)
}

for (let failures = 0; failures < 3; ) {
  await until('it is tried again', isUsable)
  await put().catch(() => {
    failures += 1
    isUsable()
  })
}
const before = [...store.reader.list('numbers')]
rmSync(ballast)
await until('it is tried again', isUsable)
for (let more = 0; more < 20; more++) await put()
await store.close()
const again = await Store.open(path)
const after = again.reader.list('numbers')
const replies = taken.filter(mine => again.find(`key ${mine}`) === undefined)
const { cutBytes } = again
await again.close()
const files = readdirSync(join(directory, 'store')).sort()
process.stdout.write(
  JSON.stringify({ taken, before, after, missingReplies: replies, codes: [...codes], cutBytes, files }),
)
