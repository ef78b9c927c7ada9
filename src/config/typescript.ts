/** TypeScript by jiti, which is imported when a config is written in it. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Jiti } from 'jiti'
import { defineConfig } from './define.js'
import { SyntaxFault } from './loaders.js'

/** The module that a TypeScript file is. */
export async function runTypeScript(file: string): Promise<unknown> {
  return (await makeJiti(file)).import(file)
}

/** Where the syntax of a JavaScript file is wrong; null when it is right. */
export async function findSyntaxFault(file: string): Promise<SyntaxFault | null> {
  const code = (await makeJiti(file)).transform({ source: readFileSync(file, 'utf8'), filename: file, async: true })
  // How jiti reports a failure to whoever evaluates its output.
  const report = /__JITI_ERROR__ = (\{.*\})/.exec(code)?.[1]
  if (report === undefined) return null
  const { line, column, message } = JSON.parse(report) as { line: number; column: number; message: string }
  return new SyntaxFault(file, line, column, `${message.trim()}.`)
}

async function makeJiti(file: string): Promise<Jiti> {
  const { createJiti } = await import('jiti')
  return createJiti(file, {
    fsCache: findCache(),
    interopDefault: false,
    // The config's own import: found also where ipcsup is installed elsewhere, and without loading all of it.
    virtualModules: { ipcsup: { defineConfig } },
  })
}

/**
 * Translated configs are kept: loading the translator takes 100 ms, which every start would pay. Only where nobody else
 * can write: jiti's own choice may be /tmp, where others could put code for us.
 */
function findCache(): string | false {
  const cache = process.env['XDG_CACHE_HOME']
  try {
    const base = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache')
    if (!isAbsolute(base)) return false
    const directory = join(base, 'ipcsup')
    makeDirectory(base)
    makeDirectory(directory)
    const { uid, mode } = statSync(directory)
    return uid === process.geteuid?.() && (mode & 0o022) === 0 ? directory : false
  } catch {
    // No home, or one that cannot be written to: then without.
    return false
  }
}

/** Not by mkdir's own `recursive`: under a path that can have no directories, such as /proc, Node 20 never returns. */
function makeDirectory(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
}
