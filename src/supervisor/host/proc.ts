/** What /proc tells about processes (proc(5)). All of it may be over by the time it is read. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'

export interface ProcessFacts {
  readonly pid: number
  /** One letter; Z is a zombie, X is dead. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** In clock ticks since boot: with the pid it names the process for ever. */
  readonly startTime: number
}

// A line of /proc/PID/stat and the first page of /proc/PID/status are shorter.
const buffer = Buffer.allocUnsafeSlow(4096)

/** null: there is no such process. */
export function readProcess(pid: number): ProcessFacts | null {
  const text = readHead(`/proc/${pid}/stat`)
  if (text === null) return null
  // The name of the program is in brackets and may itself have brackets and blanks.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    state: fields[0]!,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: Number(fields[19]),
  }
}

/** Everything that runs, zombies included. */
export function readProcesses(): ProcessFacts[] {
  return listPids().flatMap(pid => readProcess(pid) ?? [])
}

export function listPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

/** What `look` finds; null: there is no descriptor left to look with. */
export function lookIfPossible<T>(look: () => T): T | null {
  try {
    return look()
  } catch (error) {
    const errno = error instanceof IpcsupError ? error.detail['errno'] : (error as NodeJS.ErrnoException).code
    if (errno === 'EMFILE' || errno === 'ENFILE') return null
    throw error
  }
}

export function isAlive(facts: ProcessFacts | null): facts is ProcessFacts {
  return facts !== null && facts.state !== 'Z' && facts.state !== 'X'
}

const peakLabel = Buffer.from('\nVmHWM:')
const [blank, tab, zero, nine] = [0x20, 0x09, 0x30, 0x39]

/**
 * Peak resident memory (VmHWM); null for a zombie or a process that is gone.
 *
 * Makes no strings of what it reads: it is called for all processes of a graph at rest, and garbage wakes V8's threads.
 */
export function readPeakBytes(pid: number | 'self'): number | null {
  const length = fillBuffer(`/proc/${pid}/status`)
  let at = buffer.indexOf(peakLabel) + peakLabel.length
  if (at < peakLabel.length || at > length) return null
  while (buffer[at] === blank || buffer[at] === tab) at++
  let kibibytes = 0
  for (let digit = buffer[at]!; digit >= zero && digit <= nine; digit = buffer[++at]!)
    kibibytes = kibibytes * 10 + digit - zero
  return kibibytes * 1024
}

/** Children of all threads. */
export function readChildren(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    // Gone meanwhile.
    return []
  }
}

/** `IPCSUP_RUN` and `IPCSUP_PROCESS` that a process was started with; null where they are missing or not to be read. */
export function readOwner(pid: number): { readonly run: string | null; readonly process: string | null } {
  try {
    const text = `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`
    return { run: findVariable(text, 'IPCSUP_RUN'), process: findVariable(text, 'IPCSUP_PROCESS') }
  } catch {
    // Gone, or of another user: not ours.
    return { run: null, process: null }
  }
}

function findVariable(text: string, name: string): string | null {
  const start = text.indexOf(`\0${name}=`)
  if (start === -1) return null
  const value = start + name.length + 2
  const end = text.indexOf('\0', value)
  return text.slice(value, end === -1 ? undefined : end)
}

function readHead(path: string): string | null {
  const length = fillBuffer(path)
  return length === 0 ? null : buffer.toString('latin1', 0, length)
}

/** Reads the start of a file; 0 when it cannot be read. */
function fillBuffer(path: string): number {
  try {
    const descriptor = openSync(path, 'r')
    try {
      return readSync(descriptor, buffer, 0, buffer.length, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // ENOENT, or ESRCH when it went away between the two calls.
    return 0
  }
}
