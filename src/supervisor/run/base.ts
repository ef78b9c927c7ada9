/**
 * Where run directories live: `$XDG_RUNTIME_DIR/ipcsup`, or `/tmp/ipcsup-<uid>` where there is no runtime directory of
 * the user, or where its path is so long that a socket in it could not be bound.
 */
import { lstatSync, mkdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'

/** `sun_path` has 108 bytes and ends in NUL (unix(7)); Node 20 cuts a longer path in silence and binds another name. */
const longestSocketPath = 107

/** Longest name of a run directory, and of the control socket in it. */
const longestTail = '/name-of-24-characters-xx-0123456789abcdef/control.sock'.length

export interface BaseOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly uid: number
  /** Parent of the short directory; `/tmp` but in tests. */
  readonly temporary?: string
}

/**
 * All directories that may hold runs of this user, the preferred one first. None is created.
 */
export function listBaseDirectories({ environment, uid, temporary = '/tmp' }: BaseOptions): readonly string[] {
  const short = join(temporary, `ipcsup-${uid}`)
  const runtime = environment.XDG_RUNTIME_DIR
  if (!runtime?.startsWith('/') || !isPrivateDirectory(runtime, uid)) return [short]
  const preferred = join(runtime, 'ipcsup')
  return Buffer.byteLength(preferred) + longestTail <= longestSocketPath ? [preferred, short] : [short]
}

/**
 * The directory in which a new run is made; created if missing, mode 0700.
 *
 * @throws IPCSUP_ERR_RUN_DIRECTORY when it is a symbolic link, belongs to somebody else or is open to others: in `/tmp`
 * anybody may have made it first.
 */
export function openBaseDirectory(options: BaseOptions): string {
  const directory = listBaseDirectories(options)[0]!
  makePrivateDirectory(directory, options.uid)
  return directory
}

/** Creates the directory, or checks that the one there is ours alone. */
export function makePrivateDirectory(directory: string, uid: number): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
    return
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw refuse(directory, (cause as Error).message, cause)
  }
  const stats = lstat(directory)
  if (!stats?.isDirectory()) throw refuse(directory, 'it is not a directory')
  if (stats.uid !== uid) throw refuse(directory, `it belongs to user ${stats.uid}`)
  if (!isPrivate(stats, uid)) throw refuse(directory, `its mode is ${(stats.mode & 0o777).toString(8)}, not 700`)
}

/** Whether it is a directory (no symbolic link) of this user that nobody else can enter. */
export function isPrivateDirectory(directory: string, uid: number): boolean {
  return isPrivate(lstat(directory), uid)
}

function isPrivate(stats: Stats | undefined, uid: number): boolean {
  return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & 0o077) === 0
}

function lstat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function refuse(directory: string, why: string, cause?: unknown): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_RUN_DIRECTORY', { directory, why }, { cause })
}
