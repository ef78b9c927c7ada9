/** The fixtures as programs, in every language that is here. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleProgram } from '../support/bundle.js'

export const fixtures = join(import.meta.dirname, '../../fixtures')
/** Directory of the compiled C fixtures; null: there is no compiler. */
export const compiled = compile(fixtures)

/** How to run a fixture of a language. */
export const languages: Readonly<Record<string, (program: string) => string[]>> = {
  sh: program => ['/bin/sh', join(fixtures, `${program}.sh`)],
  Python: program => ['/usr/bin/python3', join(fixtures, `${program}.py`)],
  C: program => [join(compiled ?? '', program)],
  Node: program => [process.execPath, join(fixtures, `${program}.mjs`)],
}

/**
 * The same for the fixtures of one mechanism, in a folder of their own, which have no `sh` of their own and may use
 * `ipcsup/child`; only of the languages that are here.
 */
export function findLanguages(
  folder: string,
): Readonly<Partial<Record<'Python' | 'C' | 'PHP' | 'Node', (program: string) => string[]>>> {
  const directory = join(fixtures, folder)
  const binaries = compile(directory)
  return {
    Python: program => ['/usr/bin/python3', join(directory, `${program}.py`)],
    Node: program => [process.execPath, bundleProgram(join(directory, `${program}.mjs`))],
    ...(binaries !== null && { C: program => [join(binaries, program)] }),
    ...(isThere('php') && { PHP: program => ['/usr/bin/env', 'php', join(directory, `${program}.php`)] }),
  }
}

function compile(from: string): string | null {
  const compiler = ['cc', 'gcc', 'clang'].find(isThere)
  if (!compiler) return null
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-c-'))
  for (const file of readdirSync(from).filter(name => name.endsWith('.c'))) {
    execFileSync(compiler, ['-O1', '-o', join(directory, file.slice(0, -2)), join(from, file)])
  }
  return directory
}

function isThere(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0
}
