/** Other processes: watching their end, taking their status, limits. */
import { check, declare, lastErrno, systemError } from './native.js'

// The new calls have one number everywhere; the old ones had theirs per architecture (asm/unistd.h).
const SYS_PIDFD_OPEN = 434
const SYS_WAITID: Readonly<Record<string, number>> = { x64: 247, arm64: 95, riscv64: 95 }
// waitid(2)
const P_PIDFD = 3
const WEXITED = 4
const CLD_EXITED = 1
const RLIMIT_NOFILE = 7

const pidfdOpen = declare<(number: number, pid: number, flags: number) => number>(
  'long syscall(long number, long pid, long flags)',
)
const waitid = declare<
  (number: number, idType: number, id: number, info: Buffer, options: number, usage: Buffer) => number
>('long syscall(long number, long idType, long id, void *info, long options, void *usage)')
const getrlimit = declare<(resource: number, limit: BigUint64Array) => number>('int getrlimit(int r, void *limit)')
const setrlimit = declare<(resource: number, limit: BigUint64Array) => number>('int setrlimit(int r, void *limit)')
const exitNow = declare<(status: number) => never>('void _exit(int status)')
const kill = declare<(pid: number, signal: number) => number>('int kill(int pid, int signal)')
const schedYield = declare<() => number>('int sched_yield(void)')

/** What the kernel tells of a child that ended. */
export interface Reaped {
  readonly code: number | null
  /** Number of the signal that killed it. */
  readonly signalNumber: number | null
  readonly userMs: number
  readonly systemMs: number
  /** At least the memory of the process that spawned it, so not always its own. */
  readonly maxRssBytes: number
}

/** A close-on-exec descriptor that becomes readable when the process ends; null when there is no such process. */
export function openPidfd(pid: number): number | null {
  const descriptor = pidfdOpen(SYS_PIDFD_OPEN, pid, 0)
  if (descriptor >= 0) return descriptor
  const errno = lastErrno()
  if (errno === 'ESRCH') return null
  throw systemError(`Watching process ${pid}`, 'pidfd_open', errno)
}

/** Takes the status of a child that has ended; null when somebody else took it. Blocks while it runs. */
export function reapProcess(descriptor: number): Reaped | null {
  const info = Buffer.alloc(128)
  const usage = Buffer.alloc(144)
  if (waitid(SYS_WAITID[process.arch] ?? 95, P_PIDFD, descriptor, info, WEXITED, usage) < 0) {
    const errno = lastErrno()
    if (errno === 'ECHILD') return null
    throw systemError('Taking the status of a process', 'waitid', errno)
  }
  // siginfo_t: si_code at 8, si_status at 24. struct rusage: two struct timeval, then ru_maxrss in KiB.
  const status = info.readInt32LE(24)
  const exited = info.readInt32LE(8) === CLD_EXITED
  return {
    code: exited ? status : null,
    signalNumber: exited ? null : status,
    userMs: readTimeMs(usage, 0),
    systemMs: readTimeMs(usage, 16),
    maxRssBytes: Number(usage.readBigInt64LE(32)) * 1024,
  }
}

export interface OpenFilesLimit {
  readonly soft: number
  readonly hard: number
}

/** RLIMIT_NOFILE of this process. */
export function readOpenFilesLimit(): OpenFilesLimit {
  const limit = new BigUint64Array(2)
  check(getrlimit(RLIMIT_NOFILE, limit), 'Reading the limit of open files', 'getrlimit')
  return { soft: Number(limit[0]), hard: Number(limit[1]) }
}

/** For all threads of this process, and for children made from now on. */
export function changeOpenFilesLimit(limit: OpenFilesLimit): void {
  const values = new BigUint64Array([BigInt(limit.soft), BigInt(limit.hard)])
  check(setrlimit(RLIMIT_NOFILE, values), 'Changing the limit of open files', 'setrlimit')
}

/** Ends this process without waiting for its threads: Node waits for each, for ever if one hangs in a system call. */
export function endProcess(status: number): never {
  return exitNow(status)
}

/** True when a process group has members, zombies included; also when none of them may be signalled. */
export function groupExists(group: number): boolean {
  return kill(-group, 0) === 0 || lastErrno() !== 'ESRCH'
}

function readTimeMs(usage: Buffer, offset: number): number {
  return Number(usage.readBigInt64LE(offset)) * 1000 + Number(usage.readBigInt64LE(offset + 8)) / 1000
}

/** Lets others run that wait for the same processor; back at once when there is none. Takes about 0.8 µs. */
export function yieldProcessor(): void {
  schedYield()
}
