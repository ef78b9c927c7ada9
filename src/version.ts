import { readFileSync } from 'node:fs'

/** The version of ipcsup; the file is as near as the bundle, or as the source, has it. */
export function readVersion(): string {
  for (let directory = new URL('.', import.meta.url); ; directory = new URL('..', directory)) {
    const { name, version } = readPackage(new URL('package.json', directory))
    if (name === 'ipcsup') return version!
    if (directory.pathname === '/') return 'unknown'
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
