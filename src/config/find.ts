import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../errors.js'

const endings = ['ts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml']

/** Names of files that hold a config; `package.json` does so under the key `ipcsup`. */
export const configNames: readonly string[] = [
  ...endings.map(ending => `ipcsup.config.${ending}`),
  '.ipcsuprc',
  ...endings.map(ending => `.ipcsuprc.${ending}`),
  'package.json',
]

/**
 * The one config of a directory; its parents are not looked at.
 *
 * @throws IPCSUP_ERR_CONFIG_NOT_FOUND, IPCSUP_ERR_CONFIG_AMBIGUOUS
 */
export function findConfigFile(directory: string): string {
  const present = new Set(listNames(directory))
  const found = configNames.filter(name => present.has(name) && (name !== 'package.json' || hasConfig(directory)))
  if (found.length > 1)
    throw new IpcsupError('IPCSUP_ERR_CONFIG_AMBIGUOUS', {
      directory,
      count: found.length,
      files: found.join(', '),
    })
  if (found[0] === undefined)
    throw new IpcsupError('IPCSUP_ERR_CONFIG_NOT_FOUND', {
      directory,
      places: `ipcsup.config.{${endings.join(',')}}, .ipcsuprc, .ipcsuprc.{${endings.join(',')}}, "ipcsup" in package.json`,
    })
  return join(directory, found[0])
}

/**
 * Real path of a config.
 *
 * @throws IPCSUP_ERR_CONFIG_LOAD when a link on the way leads nowhere
 */
export function resolveConfig(file: string): string {
  try {
    return realpathSync(file)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new IpcsupError('IPCSUP_ERR_CONFIG_LOAD', { file, why: reasons[code ?? ''] ?? `${message}.` }, { cause })
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file.',
  ENOTDIR: 'a part of its path is not a directory.',
  ELOOP: 'its symbolic links go in a circle.',
  EACCES: 'there is no permission to read it.',
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (cause) {
    const { message } = cause as Error
    throw new IpcsupError('IPCSUP_ERR_CONFIG_LOAD', { file: `in ${directory}`, why: `${message}.` }, { cause })
  }
}

function hasConfig(directory: string): boolean {
  try {
    return Object.hasOwn(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')), 'ipcsup')
  } catch {
    // Somebody else's file: whether it is valid is not for us to say.
    return false
  }
}
