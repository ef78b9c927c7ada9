/** Finds the program of a command as the child would, and looks closely at it when it cannot be started. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

/** What a look at a path showed. */
export type PathState = 'missing' | 'not a directory' | 'no permission' | 'directory' | 'executable' | 'not executable'

/** How a file starts. */
export type FileFormat =
  | { readonly type: 'elf'; readonly interpreter: string | null }
  | { readonly type: 'script'; readonly interpreter: string }
  | { readonly type: 'unknown' }
  /** It may be executed but not read. */
  | { readonly type: 'unreadable' }

export interface CommandFacts {
  readonly command: string
  /** Where it was looked for; null: the command itself says where it is. */
  readonly searched: string | null
  readonly directory: string
  readonly directoryState: PathState
  /** What the command means, when anything is there. */
  readonly path: string | null
  readonly pathState: PathState
  readonly format: FileFormat
  readonly interpreterState: PathState
}

// What glibc searches where there is no PATH (confstr(3), _CS_PATH).
const defaultPath = '/bin:/usr/bin'

/**
 * The path to execute; null when there is nothing to find. A command with a slash is that path, relative to the
 * child's directory; any other is searched in the PATH of the child, where an executable file wins.
 */
export function resolveCommand(command: string, path: string | null, directory: string): string | null {
  if (command.includes('/')) return command
  const candidates = listCandidates(command, path)
  return candidates.find(file => readState(resolve(directory, file)) === 'executable') ?? null
}

/** Everything that can be wrong with a command, whichever it is. Costs more than a spawn. */
export function inspectCommand(command: string, path: string | null, directory: string): CommandFacts {
  const hasPath = command.includes('/')
  const candidates = hasPath ? [command] : listCandidates(command, path)
  const files = candidates.map(file => resolve(directory, file))
  const isThere = (file: string): boolean => readState(file) !== 'missing' && readState(file) !== 'not a directory'
  const found = files.find(file => readState(file) === 'executable') ?? files.find(isThere) ?? files[0]
  const pathState = found === undefined ? 'missing' : readState(found)
  const format = pathState === 'executable' ? readFormat(found!) : ({ type: 'unknown' } as const)
  const interpreter = 'interpreter' in format ? format.interpreter : null
  return {
    command,
    searched: hasPath ? null : (path ?? defaultPath),
    directory,
    directoryState: readState(directory),
    path: found ?? null,
    pathState,
    format,
    interpreterState: interpreter === null ? 'executable' : readState(resolve(directory, interpreter)),
  }
}

/** An empty entry of PATH is the current directory (the child's). */
function listCandidates(command: string, path: string | null): string[] {
  if (command === '') return []
  return (path ?? defaultPath).split(':').map(entry => `${entry || '.'}/${command}`)
}

const absences: Readonly<Record<string, PathState>> = { EACCES: 'no permission', ENOTDIR: 'not a directory' }

function readState(path: string): PathState {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found) return 'missing'
    if (found.isDirectory()) return canUse(path) ? 'directory' : 'no permission'
    return found.isFile() && canUse(path) ? 'executable' : 'not executable'
  } catch (error) {
    return absences[(error as NodeJS.ErrnoException).code ?? ''] ?? 'missing'
  }
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function readFormat(path: string): FileFormat {
  const head = readHead(path)
  if (head === null) return { type: 'unreadable' }
  if (head.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1')))
    return { type: 'elf', interpreter: findLoader(head) }
  const [, interpreter] = /^#![ \t]*([^\s]+)/.exec(head.toString('latin1')) ?? []
  return interpreter === undefined ? { type: 'unknown' } : { type: 'script', interpreter }
}

/** Program header PT_INTERP of a 64-bit little-endian ELF file (elf(5)); null: static, or of another make. */
function findLoader(head: Buffer): string | null {
  if (head.length < 64 || head[4] !== 2 || head[5] !== 1) return null
  const table = Number(head.readBigUInt64LE(32))
  const size = head.readUInt16LE(54)
  const count = head.readUInt16LE(56)
  for (let row = table; row + 40 <= head.length && row < table + size * count; row += size) {
    if (head.readUInt32LE(row) !== 3) continue
    const start = Number(head.readBigUInt64LE(row + 8))
    const text = head.toString('latin1', start, start + Number(head.readBigUInt64LE(row + 32)))
    return text.replace(/\0.*/, '') || null
  }
  return null
}

function readHead(path: string): Buffer | null {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const head = Buffer.alloc(4096)
      return head.subarray(0, readSync(descriptor, head, 0, head.length, 0))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return null
  }
}
