/** What compilers are here, and the ring programs in C, compiled. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository } from '../../support/documents.js'

export const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0

export interface Compiler {
  readonly compiler: string
  readonly standard: string
  readonly suffix: 'c' | 'cpp'
}

export function findCompilers(): Compiler[] {
  const all: Compiler[] = [
    { compiler: 'gcc', standard: 'c11', suffix: 'c' },
    { compiler: 'gcc', standard: 'gnu17', suffix: 'c' },
    { compiler: 'g++', standard: 'c++17', suffix: 'cpp' },
    { compiler: 'clang', standard: 'c11', suffix: 'c' },
    { compiler: 'clang++', standard: 'c++17', suffix: 'cpp' },
  ]
  return all.filter(({ compiler }) => isThere(compiler))
}

/** Compiles programs of fixtures/ring; their paths by name. */
export function compilePrograms<Name extends string>(
  names: readonly Name[],
  flags: readonly string[] = [],
): Record<Name, string> {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-ring-'))
  const compiler = ['cc', 'gcc', 'clang'].find(isThere)
  if (!compiler) throw new Error('there is no C compiler here')
  const compile = (name: string): string => {
    const strict = ['-std=gnu11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-O2', ...flags]
    execFileSync(compiler, [...strict, '-o', join(directory, name), join(repository, `fixtures/ring/${name}.c`)])
    return join(directory, name)
  }
  return Object.fromEntries(names.map(name => [name, compile(name)])) as Record<Name, string>
}
