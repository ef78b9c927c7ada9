/** Where the socket of a link is: its path, as long as the kernel takes. */
import { join } from 'node:path'
import type { Where } from './kind.js'
import type { LinkOptions } from './options.js'
import type { Refuse } from './refusal.js'

/** `sun_path` has 108 bytes and ends in NUL (unix(7)); an abstract name begins with one instead. */
export const longestUnixName = 107

export function explainLength(what: string, text: string): string {
  return `${what} has ${Buffer.byteLength(text)} bytes, and the name of a unix socket can have ${longestUnixName}`
}

/** A path that the config does not fix has the name of the link, or where that is too long a short one. */
export function choosePath({ path }: LinkOptions, { link, runDirectory }: Where, refuse: Refuse): string {
  if (typeof path === 'string') return path
  const advice = 'Give the link a short `path`, or set XDG_RUNTIME_DIR to a shorter one.'
  // Not `.sock`: `control.sock` is the supervisor's own.
  return fitPath(runDirectory, `${link}.socket`, (why, _, cause) => refuse(why, advice, cause))
}

/** A socket of that name in the directory of the run, or where that is too long one with a short name. */
export function fitPath(runDirectory: string, name: string, refuse: Refuse): string {
  const named = join(runDirectory, name)
  const chosen = Buffer.byteLength(named) <= longestUnixName ? named : join(runDirectory, `s${hash(name)}`)
  if (Buffer.byteLength(chosen) <= longestUnixName) return chosen
  throw refuse(explainLength(chosen, chosen), 'Set XDG_RUNTIME_DIR to a shorter one.')
}

/** 10 hex digits: two names of one run do not meet. FNV-1a. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return value.toString(16).padStart(16, '0').slice(0, 10)
}
