import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'
import { findConfigHere } from '../config.js'
import type { Verb } from '../verb.js'

const fileName = 'ipcsup.config.ts'

export const init: Verb = {
  examples: [['ipcsup init && ipcsup start', `writes ${fileName}, and runs it`]],
  async run(call) {
    const path = join(process.cwd(), fileName)
    const existing = existsSync(path) ? path : findConfigHere()
    if (existing !== null) throw new IpcsupError('IPCSUP_ERR_FILE_EXISTS', { path: existing })
    // Fails when somebody made it since we looked.
    writeFileSync(path, makeConfig(canImport(path)), { flag: 'wx' })
    call.out.write(`Wrote ${fileName}. Look at it with \`ipcsup graph\`, run it with \`ipcsup start\`.\n`)
    return 0
  },
}

/** A project that does not depend on ipcsup (it is installed globally, or comes by npx) cannot import its types. */
function canImport(path: string): boolean {
  try {
    createRequire(path).resolve('ipcsup')
    return true
  } catch {
    return false
  }
}

function makeConfig(isTyped: boolean): string {
  const config = `{
  // Kernel objects between the processes. They are there before any process starts, and stay when one is restarted.
  links: {
    numbers: { kind: 'pipe' },
  },
  processes: {
    count: { command: ['sh', '-c', 'i=0; while [ $i -lt 10 ]; do i=$((i+1)); echo $i; sleep 0.3; done'], stdout: 'numbers' },
    // Takes its input line by line, so a restart loses nothing: try \`ipcsup signal KILL double\` while it runs.
    double: { command: ['sh', '-c', 'while read n; do echo "$n doubled is $((2 * n))"; done'], stdin: 'numbers' },
  },
}`
  return isTyped
    ? `import { defineConfig } from 'ipcsup'\n\nexport default defineConfig(${config})\n`
    : `export default ${config}\n`
}
