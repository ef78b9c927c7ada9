/**
 * Names of run directories and ids of runs. Neither uses node:crypto: importing it costs 3 ms of every start, and
 * neither is a secret.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** What makes two starts the same run: the real path of the config; without a config, the process. */
export type RunKey = { readonly configPath: string } | { readonly pid: number }

/**
 * Name of the directory of a run: at most 41 bytes, the same for the same key. The readable half is the directory of the
 * config; not the name of the project, which may change between two starts of the same config.
 */
export function nameRunDirectory(key: RunKey): string {
  if ('pid' in key) return `run-${key.pid}`
  const readable = basename(dirname(key.configPath))
    .replace(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 24)
  return `${readable}-${hash(key.configPath)}`
}

/** 64-bit FNV-1a, in hexadecimal. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return value.toString(16).padStart(16, '0')
}

/** 96 random bits in hexadecimal: the id of a run. */
export function makeRunId(): string {
  const bytes = Buffer.alloc(12)
  const descriptor = openSync('/dev/urandom', 'r')
  try {
    readSync(descriptor, bytes)
  } finally {
    closeSync(descriptor)
  }
  return bytes.toString('hex')
}
