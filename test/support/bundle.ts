import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** Makes one JavaScript file of a TypeScript program, where it finds the packages of the project. Returns its path. */
export function bundleProgram(source: string): string {
  const directory = join(import.meta.dirname, '../../node_modules/.cache/ipcsup-tests')
  mkdirSync(directory, { recursive: true })
  const outfile = join(directory, `${process.pid}-${source.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(-60)}.mjs`)
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  })
  return outfile
}
