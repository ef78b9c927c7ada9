// Writes src/ipc/kinds/index.ts: the registry of all kinds, from the files of that folder. `--check` only compares.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../src/ipc/kinds')
const names = readdirSync(folder)
  .filter(file => file.endsWith('.ts') && file !== 'index.ts')
  .map(file => file.slice(0, -3))
  .sort()

const text = `// Written by scripts/generate-kinds.mjs. Do not edit: add a file beside this one and run it again.
import type { Kind } from '../kind.js'
${names.map(name => `import ${name} from './${name}.js'`).join('\n')}

/** Every kind by its name, as a config says it. */
export const kinds = {
${names.map(name => `  ${name},\n`).join('')}} satisfies Record<string, Kind>

export type KindName = keyof typeof kinds
`

const path = join(folder, 'index.ts')
if (!process.argv.includes('--check')) {
  writeFileSync(path, text)
} else if (readFileSync(path, 'utf8') !== text) {
  console.error(`${path} is stale: run node scripts/generate-kinds.mjs`)
  process.exitCode = 1
}
