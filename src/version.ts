import { readFileSync } from 'node:fs'

/** The version of ipcsup. */
export function readVersion(): string {
  return readPackage(new URL('package.json', findPackage())).version ?? 'unknown'
}

/** The directory of the package: as near as the bundle, or the source, has it. Where there is none, `/`. */
export function findPackage(): URL {
  for (let directory = new URL('.', import.meta.url); ; directory = new URL('..', directory)) {
    const { name } = readPackage(new URL('package.json', directory))
    if (name === 'ipcsup' || directory.pathname === '/') return directory
  }
}

function readPackage(file: URL): { readonly name?: string; readonly version?: string } {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Not in this directory.
    return {}
  }
}
