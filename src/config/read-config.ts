/**
 * Reads a config file. Everything but plain JSON goes through cosmiconfig, which is imported then, as the loaders of
 * TypeScript and YAML are: a plain JSON config costs none of them.
 */
import { readFileSync, type Stats, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, extname } from 'node:path'
import { IpcsupError } from '../errors.js'
import { resolveConfig } from './find.js'
import { longestConfigBytes } from './limits.js'
import { parseJson } from './loaders.js'

export interface ReadConfig {
  /** What the file gave; nothing of it is checked yet. */
  readonly config: unknown
  /** Real path of the file. */
  readonly configPath: string
  /** Where it is: what its relative paths are relative to. */
  readonly directory: string
}

/**
 * Reads a config.
 *
 * @param named - absolute path
 * @throws IPCSUP_ERR_CONFIG_LOAD
 */
export async function readConfig(named: string): Promise<ReadConfig> {
  const configPath = resolveFile(named)
  return { config: await readContent(configPath), configPath, directory: dirname(configPath) }
}

function resolveFile(file: string): string {
  // What a shell makes of `<(command)` is a pipe that has no path of its own.
  const stats = statIfPossible(file)
  if (stats?.isDirectory()) throw cannotLoad(file, 'it is a directory. Name the file.')
  // Reading from a FIFO would wait for a writer, and block everything until one comes.
  if (stats && !stats.isFile()) throw cannotLoad(file, 'it is no regular file. Write the config to a file.')
  if (stats) refuseLong(file, stats.size)
  return resolveConfig(file)
}

/** Null where nothing is, or the way there is barred: why is said by whoever goes it. */
function statIfPossible(file: string): Stats | null {
  try {
    return statSync(file)
  } catch {
    return null
  }
}

function refuseLong(file: string, bytes: number): void {
  if (bytes > longestConfigBytes)
    throw cannotLoad(file, `it has ${bytes} bytes; at most 1 MiB (${longestConfigBytes}) is read.`)
}

async function readContent(file: string): Promise<unknown> {
  try {
    return readPlainJson(file) ?? (await readByCosmiconfig(file))
  } catch (error) {
    if (error instanceof IpcsupError) throw error
    const { explainFailure } = await import('./load-failure.js')
    throw cannotLoad(file, explainFailure(file, error as Error), error)
  }
}

/** Null for anything else, and for a JSON that imports another (cosmiconfig's `$import`). */
function readPlainJson(file: string): unknown {
  if (extname(file) !== '.json' || file.endsWith('/package.json')) return null
  const text = readFileSync(file, 'utf8')
  return text.trim() === '' || text.includes('"$import"') ? null : parseJson(file, text)
}

async function readByCosmiconfig(file: string): Promise<unknown> {
  const { loadByCosmiconfig } = await withHome(() => import('./load-by-cosmiconfig.js'))
  const config = await loadByCosmiconfig(file, refuseLong)
  if (config === undefined || config === null) throw cannotLoad(file, explainNothing(file))
  return config
}

/** A package below asks for the home as it is loaded, and cannot be loaded where there is none. */
async function withHome<T>(load: () => Promise<T>): Promise<T> {
  if (hasHome()) return load()
  process.env['HOME'] = '/'
  try {
    return await load()
  } finally {
    delete process.env['HOME']
  }
}

function hasHome(): boolean {
  try {
    homedir()
    return true
  } catch {
    return false
  }
}

function explainNothing(file: string): string {
  if (file.endsWith('/package.json')) return 'it has no key "ipcsup".'
  return /\.[cm]?[jt]s$/.test(file)
    ? 'it has no default export. Write export default defineConfig({ … }).'
    : 'it is empty.'
}

function cannotLoad(file: string, why: string, cause?: unknown): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_CONFIG_LOAD', { file, why }, cause === undefined ? undefined : { cause })
}
