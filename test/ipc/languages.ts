/** The fixtures as programs, in every language that is here. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const fixtures = join(import.meta.dirname, '../../fixtures')
/** Directory of the compiled C fixtures; null: there is no compiler. */
export const compiled = compile()

/** How to run a fixture of a language. */
export const languages: Readonly<Record<string, (program: string) => string[]>> = {
  sh: program => ['/bin/sh', join(fixtures, `${program}.sh`)],
  Python: program => ['/usr/bin/python3', join(fixtures, `${program}.py`)],
  C: program => [join(compiled ?? '', program)],
  Node: program => [process.execPath, join(fixtures, `${program}.mjs`)],
}

function compile(): string | null {
  const compiler = ['cc', 'gcc', 'clang'].find(name => spawnSync(name, ['--version']).status === 0)
  if (!compiler) return null
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-c-'))
  for (const file of readdirSync(fixtures).filter(name => name.endsWith('.c'))) {
    execFileSync(compiler, ['-O1', '-o', join(directory, file.slice(0, -2)), join(fixtures, file)])
  }
  return directory
}
