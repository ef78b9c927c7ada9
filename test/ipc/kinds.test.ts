import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Kind } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { conformance } from './conformance.js'

test('the registry has every file of the folder, by its name', () => {
  execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/generate-kinds.mjs'), '--check'])
  for (const [name, kind] of Object.entries(kinds)) expect(kind.name).toBe(name)
})

for (const kind of Object.values<Kind>(kinds)) {
  for (const variant of Object.keys(kind.variants)) conformance(kind, variant)
}
