/** The file of one log stream: exactly the child's bytes, rotated by rename by the one who writes. */
import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectories } from '../../ipc/make-directories.js'
import { nextStep, rotateFiles } from './rotation.js'

export interface LogFileOptions {
  readonly path: string
  readonly maxBytes: number
  readonly files: number
  readonly lineLimitBytes: number
}

/** Why a file takes no bytes now. */
export interface Trouble {
  /** Short, for the status: `no space`. */
  readonly why: string
  /** A sentence with the path, for the operator. */
  readonly message: string
}

const none = Buffer.alloc(0)
const newline = 0x0a
// O_NONBLOCK: somebody's FIFO of that name would block the open, and with it every log.
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

export class LogFileWriter {
  readonly #options: LogFileOptions
  #file: { readonly descriptor: number; readonly device: number; readonly inode: number } | null = null
  #size = 0
  #isAtLineStart = true
  #kept: Buffer = none
  #trouble: Trouble | null = null

  constructor(options: LogFileOptions) {
    this.#options = options
  }

  /** Bytes that were taken and are not in the file: they did not go in, or are an unfinished line at a full file's end. */
  get keptBytes(): number {
    return this.#kept.length
  }

  /** Null: the last write went well. */
  get trouble(): Trouble | null {
    return this.#trouble
  }

  /** Takes all of `bytes`; what cannot be written now is copied and kept. Write no more while there is `trouble`. */
  write(bytes: Buffer): void {
    this.#advance(this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]), false)
  }

  /** Tries again to write what is kept, an unfinished line too. */
  flush(): void {
    if (this.#kept.length > 0) this.#advance(this.#kept, true)
  }

  /** What is kept is dropped. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file.descriptor)
    this.#file = null
  }

  #advance(bytes: Buffer, isImpatient: boolean): void {
    let at = 0
    this.#trouble = null
    try {
      this.#letGoOfStrangers()
      for (let isHeld = false; at < bytes.length && !isHeld; ) {
        const descriptor = this.#open()
        const { maxBytes, lineLimitBytes } = this.#options
        const filling = { size: this.#size, isAtLineStart: this.#isAtLineStart, maxBytes, lineLimitBytes }
        const step = nextStep(filling, bytes.subarray(at), isImpatient)
        if (step === 'hold') isHeld = true
        else if (step === 'rotate') this.#rotate()
        else at += this.#append(descriptor, bytes.subarray(at, at + step.write))
      }
    } catch (error) {
      this.#trouble = describeTrouble(error, this.#options.path)
    }
    this.#kept = at === bytes.length ? none : Buffer.from(bytes.subarray(at))
  }

  /** Somebody removed or moved the file: without this its log would go where nobody finds it. */
  #letGoOfStrangers(): void {
    if (this.#file === null) return
    const found = statSync(this.#options.path, { throwIfNoEntry: false })
    if (found?.ino !== this.#file.inode || found.dev !== this.#file.device) this.close()
  }

  #open(): number {
    if (this.#file !== null) return this.#file.descriptor
    makeDirectories(dirname(this.#options.path))
    const descriptor = openSync(this.#options.path, flags, 0o600)
    const found = fstatSync(descriptor)
    if (!found.isFile()) {
      closeSync(descriptor)
      throw Object.assign(new Error('ENOTSUP: it is not a regular file'), { code: 'ENOTSUP' })
    }
    this.#file = { descriptor, device: found.dev, inode: found.ino }
    this.#size = found.size
    // What an earlier run left unfinished stays unfinished: this run's first byte begins a line.
    this.#isAtLineStart = true
    return descriptor
  }

  #append(descriptor: number, bytes: Buffer): number {
    const written = writeSync(descriptor, bytes)
    this.#size += written
    if (written > 0) this.#isAtLineStart = bytes[written - 1] === newline
    return written
  }

  #rotate(): void {
    rotateFiles(this.#options.path, this.#options.files)
    this.close()
  }
}

// EFBIG: past the limit of the file system, or of RLIMIT_FSIZE.
const noSpace: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

function describeTrouble(error: unknown, path: string): Trouble {
  const code = (error as NodeJS.ErrnoException).code
  if (!(error instanceof Error) || code === undefined) throw error
  const reason = /^\w+: ([^,]+)/.exec(error.message)?.[1] ?? error.message
  const message = `The log ${path} cannot be written: ${reason} (${code}). Its process waits when its pipe is full; it is tried again each second.`
  return { why: noSpace.has(code) ? 'no space' : `${reason} (${code})`, message }
}
