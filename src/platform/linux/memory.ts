/** Memory that processes share: made, sized so that it stays there, named, mapped. */
import { constants as bufferLimits } from 'node:buffer'
import { constants, fstatSync, openSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import { fcntl } from './descriptors.js'
import { check, declare, lastErrno, loadKoffi, nameErrno, systemError } from './native.js'

// linux/memfd.h
const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const MFD_NOEXEC_SEAL = 8
// linux/fcntl.h
const F_ADD_SEALS = 1033
const F_GET_SEALS = 1034
const F_SEAL_SEAL = 1
const F_SEAL_SHRINK = 2
const F_SEAL_GROW = 4
const AT_FDCWD = -100
const AT_SYMLINK_FOLLOW = 0x400
// The same on x86, ARM and RISC-V; O_DIRECTORY, which belongs to it, is not.
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
// sys/mman.h
const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FAILED = 2n ** 64n - 1n

const memfdCreate = declare<(name: string, flags: number) => number>(
  'int memfd_create(const char *name, unsigned int flags)',
)
const posixFallocate = declare<(descriptor: number, offset: number, length: number) => number>(
  'int posix_fallocate(int fd, int64_t offset, int64_t length)',
)
const linkat = declare<(from: number, path: string, to: number, target: string, flags: number) => number>(
  'int linkat(int from, const char *path, int to, const char *target, int flags)',
)
const mmap = declare<
  (at: null, length: number, protection: number, flags: number, descriptor: number, offset: number) => bigint
>('void *mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)')
const munmap = declare<(address: bigint, length: number) => number>('int munmap(void *address, size_t length)')

/**
 * Empty memory without a name, close-on-exec, whose size can be sealed; the caller closes it.
 *
 * @param label - what /proc shows it as; at most 249 bytes
 */
export function createMemory(label: string): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
  const descriptor = memfdCreate(label, flags | MFD_NOEXEC_SEAL)
  // Linux before 6.3 does not know the last flag.
  if (descriptor >= 0 || lastErrno() !== 'EINVAL') return check(descriptor, 'Creating memory', 'memfd_create')
  return check(memfdCreate(label, flags), 'Creating memory', 'memfd_create')
}

/**
 * Makes a file at least `bytes` long and all of it backed by memory or disk, so that no later touch of it is a SIGBUS.
 * Throws ENOSPC; what was there stays, but the file may have become longer. Takes 0.1 s for each GiB of memory.
 */
export function reserveSpace(descriptor: number, bytes: number): void {
  let failure: number
  // A signal ends the call in memory, which then starts anew; the result is the error itself, not errno.
  do failure = posixFallocate(descriptor, 0, bytes)
  while (nameErrno(failure) === 'EINTR')
  if (failure !== 0) throw systemError('Reserving space', 'posix_fallocate', nameErrno(failure))
}

/** From now on nobody can change the size of memory made by `createMemory`, nor take that back. */
export function sealSize(descriptor: number): void {
  const seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
  check(fcntl(descriptor, F_ADD_SEALS, seals), 'Sealing the size of memory', 'fcntl')
}

/** Can nobody ever change its size? A touch of memory that another program makes smaller is a SIGBUS. */
export function isSizeSealed(descriptor: number): boolean {
  // -1 for a file that has no seals.
  const seals = fcntl(descriptor, F_GET_SEALS, 0)
  return seals >= 0 && (seals & F_SEAL_SHRINK) !== 0 && (seals & F_SEAL_GROW) !== 0
}

/** A file without a name yet, close-on-exec; the caller closes it. Throws EOPNOTSUPP where the file system has none. */
export function openUnnamedFile(directory: string): number {
  return openSync(directory, O_TMPFILE | constants.O_RDWR, 0o600)
}

/** Gives a file that was opened without one its name; throws EEXIST when it is taken. */
export function nameFile(descriptor: number, path: string): void {
  const own = `/proc/self/fd/${descriptor}`
  check(linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW), `Naming the file ${path}`, 'linkat')
}

/**
 * Maps a whole file, shared. Each call is a mapping at an address of its own, and the one ArrayBuffer of it; it stays
 * mapped until {@link unmapMemory}. To write to memory that was mapped `read` kills the process.
 *
 * @throws EACCES when the descriptor is not open for that
 * @throws IPCSUP_ERR_UNSUPPORTED when it is larger than an ArrayBuffer of this Node can be
 */
export function mapMemory(descriptor: number, access: 'read' | 'write'): ArrayBuffer {
  const bytes = fstatSync(descriptor).size
  // koffi aborts the process where V8 refuses.
  if (bytes > bufferLimits.MAX_LENGTH) throw tooLarge(bytes)
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE
  const address = mmap(null, bytes, protection, MAP_SHARED, descriptor, 0)
  if (address === MAP_FAILED) throw systemError('Mapping memory', 'mmap')
  const buffer = loadKoffi().view(address, bytes)
  addresses.set(buffer, address)
  return buffer
}

/**
 * Maps the first bytes of a file, shared, for calls of the kernel alone: whatever becomes of the file, the kernel
 * answers EFAULT, while a touch of ours may be a SIGBUS. `unmap` once.
 */
export function mapUntouched(descriptor: number, bytes: number): { readonly address: bigint; unmap(): void } {
  const address = mmap(null, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
  if (address === MAP_FAILED) throw systemError('Mapping memory', 'mmap')
  return { address, unmap: () => void munmap(address, bytes) }
}

const addresses = new WeakMap<ArrayBuffer, bigint>()

/** Where `buffer` is mapped, and a function that unmaps it: for when nothing can reach its memory any more. */
export function planUnmapping(buffer: ArrayBuffer): () => void {
  const address = addresses.get(buffer)!
  const bytes = buffer.byteLength
  return () => void munmap(address, bytes)
}

function tooLarge(bytes: number): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_UNSUPPORTED', {
    what: `Mapping ${bytes} bytes in one piece`,
    system: `Node ${process.versions.node}, where ${bufferLimits.MAX_LENGTH} are the most`,
    advice: 'Use several links, or a later Node.',
  })
}
