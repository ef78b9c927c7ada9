/** posix_spawn: a child with exactly the descriptors, environment, directory and signals that it should have. */

import { addressOf, check, declare, nameErrno } from './native.js'
import { changeOpenFilesLimit, readOpenFilesLimit } from './processes.js'

// spawn.h
const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
// glibc: posix_spawnattr_t is 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
const ATTRIBUTES_SIZE = 512
const ACTIONS_SIZE = 256
const SIGNAL_SET_SIZE = 128

const posixSpawn = declare<
  (
    pid: Int32Array,
    path: string,
    actions: Buffer,
    attributes: Buffer,
    argv: BigUint64Array,
    envp: BigUint64Array,
  ) => number
>('int posix_spawn(void *pid, const char *path, void *actions, void *attributes, void *argv, void *envp)')
const initAttributes = declare<(attributes: Buffer) => number>('int posix_spawnattr_init(void *a)')
const setFlags = declare<(a: Buffer, flags: number) => number>('int posix_spawnattr_setflags(void *a, short flags)')
const setDefaults = declare<(a: Buffer, set: Buffer) => number>('int posix_spawnattr_setsigdefault(void *a, void *set)')
const setMask = declare<(a: Buffer, set: Buffer) => number>('int posix_spawnattr_setsigmask(void *a, void *set)')
const initActions = declare<(f: Buffer) => number>('int posix_spawn_file_actions_init(void *f)')
const destroyActions = declare<(f: Buffer) => number>('int posix_spawn_file_actions_destroy(void *f)')
const addDuplicate = declare<(f: Buffer, from: number, to: number) => number>(
  'int posix_spawn_file_actions_adddup2(void *f, int from, int to)',
)
const addClose = declare<(f: Buffer, fd: number) => number>('int posix_spawn_file_actions_addclose(void *f, int fd)')
const addCloseFrom = declare<(f: Buffer, from: number) => number>(
  'int posix_spawn_file_actions_addclosefrom_np(void *f, int from)',
)
const addDirectory = declare<(f: Buffer, path: string) => number>(
  'int posix_spawn_file_actions_addchdir_np(void *f, const char *path)',
)

/** Strings that C code may read as long as this object lives. */
export interface NativeStrings {
  readonly addresses: readonly bigint[]
  readonly bytes: Buffer
}

export interface SpawnRequest {
  /** Absolute, or relative to `directory`. */
  readonly path: string
  readonly argv: readonly string[]
  /** `NAME=value` of the base that this child gets, by address, … */
  readonly baseEnvironment: readonly bigint[]
  /** … and what it gets besides. */
  readonly environment: readonly string[]
  readonly directory: string
  /** The child's descriptor → ours, which must be numbered above every descriptor of the child. */
  readonly descriptors: ReadonlyMap<number, number>
  /** Soft limit of open files for the child; null: ours. */
  readonly softOpenFiles: number | null
}

export type SpawnResult = { readonly pid: number } | { readonly errno: string }

/** Copies strings to memory that does not move, once; for what many children are given. */
export function makeNativeStrings(strings: readonly (string | Buffer)[]): NativeStrings {
  const chunks = strings.map(string => Buffer.from(string))
  const bytes = Buffer.allocUnsafeSlow(chunks.reduce((size, chunk) => size + chunk.length + 1, 8))
  const base = addressOf(bytes)
  const addresses: bigint[] = []
  let offset = 0
  for (const chunk of chunks) {
    addresses.push(base + BigInt(offset))
    offset += chunk.copy(bytes, offset)
    bytes[offset++] = 0
  }
  return { addresses, bytes }
}

/**
 * Starts a child in a session of its own, with every signal at its default and none blocked, with the descriptors of
 * the request and no others.
 *
 * @returns its pid, or the errno of the step that failed, which does not say which step
 */
export function spawnProcess(request: SpawnRequest): SpawnResult {
  const pid = new Int32Array(1)
  const { argv, envp } = layOut(request)
  makeActions(request)
  try {
    const failure = withOpenFilesLimit(request.softOpenFiles, () =>
      posixSpawn(pid, request.path, actions, getAttributes(), argv, envp),
    )
    return failure === 0 ? { pid: pid[0]! } : { errno: nameErrno(failure) }
  } finally {
    destroyActions(actions)
  }
}

// The memory of one spawn, used again by the next: a thousand allocations outside of V8's heap make it collect garbage in
// the middle of a start. It does not move, and no spawn begins before the last has returned.
let text = Buffer.alloc(0)
let textAddress = 0n
let pointers = new BigUint64Array(0)

/** Writes arguments and environment as C has them: NULL-terminated arrays of pointers to strings. */
function layOut({ argv, baseEnvironment, environment }: SpawnRequest): { argv: BigUint64Array; envp: BigUint64Array } {
  reserve(argv, baseEnvironment, environment)
  let used = 0
  let count = 0
  const put = (string: string): void => {
    pointers[count++] = textAddress + BigInt(used)
    used += text.write(string, used)
    text[used++] = 0
  }
  for (const argument of argv) put(argument)
  pointers[count++] = 0n
  const start = count
  for (const address of baseEnvironment) pointers[count++] = address
  for (const variable of environment) put(variable)
  pointers[count] = 0n
  return { argv: pointers, envp: pointers.subarray(start) }
}

function reserve(argv: readonly string[], base: readonly bigint[], environment: readonly string[]): void {
  const bytes = [...argv, ...environment].reduce((sum, string) => sum + Buffer.byteLength(string) + 1, 0)
  if (bytes > text.length) {
    text = Buffer.allocUnsafeSlow(Math.max(2 * bytes, 8192))
    textAddress = addressOf(text)
  }
  const count = argv.length + base.length + environment.length + 2
  if (count > pointers.length) pointers = new BigUint64Array(2 * count)
}

let attributes: Buffer | undefined

function getAttributes(): Buffer {
  if (attributes) return attributes
  const made = Buffer.allocUnsafeSlow(ATTRIBUTES_SIZE)
  initAttributes(made)
  setFlags(made, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
  setDefaults(made, Buffer.alloc(SIGNAL_SET_SIZE, 0xff))
  setMask(made, Buffer.alloc(SIGNAL_SET_SIZE, 0))
  attributes = made
  return made
}

const actions = Buffer.allocUnsafeSlow(ACTIONS_SIZE)

/** Fills `actions`. */
function makeActions(request: SpawnRequest): void {
  check(-initActions(actions), 'Preparing a child', 'posix_spawn_file_actions_init')
  const highest = Math.max(2, ...request.descriptors.keys())
  for (let target = 0; target <= highest; target++) {
    const source = request.descriptors.get(target)
    if (source === undefined) addClose(actions, target)
    else addDuplicate(actions, source, target)
  }
  addCloseFrom(actions, highest + 1)
  addDirectory(actions, request.directory)
}

/**
 * A child inherits the limit that its parent has in that moment, so ours is another one during the call (about 1 ms).
 * Another thread that opens a descriptor numbered above `soft` just then is refused with EMFILE; descriptors that are
 * open stay open.
 */
function withOpenFilesLimit(soft: number | null, spawn: () => number): number {
  if (soft === null) return spawn()
  const own = readOpenFilesLimit()
  if (own.soft === soft) return spawn()
  changeOpenFilesLimit({ soft, hard: own.hard })
  try {
    return spawn()
  } finally {
    changeOpenFilesLimit(own)
  }
}
