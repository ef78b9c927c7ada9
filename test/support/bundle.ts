import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildSync } from 'esbuild'

const directory = join(import.meta.dirname, '../../node_modules/.cache/ipcsup-tests')

/** Makes one JavaScript file of a TypeScript program, where it finds the packages of the project. Returns its path. */
export function bundleProgram(source: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [source],
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    // That of this source and not of the last build.
    alias: { 'ipcsup/child': join(import.meta.dirname, '../../src/child/index.ts') },
    logLevel: 'error',
  })
  const program = join(directory, `${source.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(-60)}.mjs`)
  mkdirSync(directory, { recursive: true })
  for (const folder of [dirname(directory), directory]) chmodSync(folder, 0o755)
  // Test files that run at the same time may use the same program: it is never half written.
  const fresh = `${program}.${process.pid}`
  writeFileSync(fresh, outputFiles[0]!.contents)
  // Other users run it too, whatever the umask.
  chmodSync(fresh, 0o644)
  renameSync(fresh, program)
  return program
}
