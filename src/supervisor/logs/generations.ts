/** The files that a rotated log consists of, as somebody finds them who reads while they are written and renamed. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { IpcsupError } from '../../errors.js'

/** One file of a log, open. Known by device and inode, because rotation changes its name. */
export interface Generation {
  readonly descriptor: number
  readonly device: number
  readonly inode: number
  /** Size when it was opened. */
  readonly sizeBytes: number
}

export const blockBytes = 65_536

/** Opens all files of the log at `path`, newest first; none: it has no bytes yet. The caller closes them. */
export function openGenerations(path: string): Generation[] {
  const opened: Generation[] = []
  try {
    for (const name of listNames(path)) openUnlessKnown(name, opened)
  } catch (error) {
    closeGenerations(opened)
    throw error
  }
  return opened
}

/** A rotation between two opens shows one file under two names. */
function openUnlessKnown(path: string, opened: Generation[]): void {
  const generation = openGeneration(path)
  if (generation === null) return
  if (opened.some(other => isSame(other, generation))) closeSync(generation.descriptor)
  else opened.push(generation)
}

export function closeGenerations(generations: readonly Generation[]): void {
  for (const { descriptor } of generations) closeSync(descriptor)
}

export function isSame(a: Pick<Generation, 'device' | 'inode'>, b: Pick<Generation, 'device' | 'inode'>): boolean {
  return a.inode === b.inode && a.device === b.device
}

/** Up to `blockBytes` from `offset`; empty: nothing there yet. */
export function readBlock(descriptor: number, offset: number, length = blockBytes): Buffer {
  const block = Buffer.allocUnsafe(length)
  return block.subarray(0, readSync(descriptor, block, 0, length, offset))
}

/** Newest first. By listing, not by counting up: in the middle of a rotation one number is missing. */
function listNames(path: string): string[] {
  const base = basename(path)
  const numbers = listDirectory(dirname(path))
    .filter(name => name.startsWith(`${base}.`) && /^[1-9]\d*$/.test(name.slice(base.length + 1)))
    .map(name => Number(name.slice(base.length + 1)))
    .sort((a, b) => a - b)
  return [path, ...numbers.map(number => join(dirname(path), `${base}.${number}`))]
}

function listDirectory(directory: string): string[] {
  return unlessMissing(directory, () => readdirSync(directory)) ?? []
}

function openGeneration(path: string): Generation | null {
  // O_NONBLOCK: somebody's FIFO of that name would block the open.
  const descriptor = unlessMissing(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
  if (descriptor === null) return null
  const found = fstatSync(descriptor)
  if (found.isFile()) return { descriptor, device: found.dev, inode: found.ino, sizeBytes: found.size }
  closeSync(descriptor)
  throw cannotRead(path, { call: 'open', errno: 'not a regular file' })
}

function unlessMissing<T>(path: string, read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw cannotRead(path, { call: syscall ?? 'open', errno: code ?? 'unknown' }, error)
  }
}

function cannotRead(
  path: string,
  why: { readonly call: string; readonly errno: string },
  cause?: unknown,
): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_SYSTEM', { what: `Reading the log ${path}`, ...why }, { cause })
}
