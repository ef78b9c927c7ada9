/** What the tests of the logs share: real pipes, a pseudo-terminal that is read when told, the worker built afresh. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FromWorker, Schedule } from '../../../src/supervisor/logs/messages.js'

export function makeTemporaryDirectory(parent = tmpdir()): string {
  return mkdtempSync(join(parent, 'ipcsup-logs-'))
}

interface Pipe {
  readonly read: number
  readonly write: number
}

/** A pipe: a FIFO whose name is gone. Both ends are the caller's. */
export function makePipe(): Pipe {
  return makePipes(1)[0]!
}

export function makePipes(count: number): Pipe[] {
  const directory = makeTemporaryDirectory()
  const paths = Array.from({ length: count }, (_, index) => join(directory, `fifo${index}`))
  execFileSync('mkfifo', paths)
  const pipes = paths.map(path => ({
    read: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    write: openSync(path, constants.O_WRONLY),
  }))
  rmSync(directory, { recursive: true })
  return pipes
}

/** Bundles the worker and `others` (name → source file) into `directory`, as the build does; answers the worker's URL. */
export async function buildWorker(directory: string, others: Readonly<Record<string, string>> = {}): Promise<URL> {
  const { build } = await import('esbuild')
  await build({
    entryPoints: { 'log-worker': join(import.meta.dirname, '../../../src/supervisor/logs/worker.ts'), ...others },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['esbuild'],
    logLevel: 'warning',
  })
  return pathToFileURL(join(directory, 'log-worker.mjs'))
}

/** Starts a child whose stdout is the write end, which is closed here. */
export function startWriter(write: number, command: string, ...args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', write, 'inherit'] })
  closeSync(write)
  return child
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return child.exitCode !== null ? Promise.resolve(child.exitCode) : new Promise(resolve => child.once('exit', resolve))
}

export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** All files of a log, oldest first. */
export function listGenerations(path: string): string[] {
  const older = readdirSync(dirname(path))
    .filter(name => name.startsWith(`${basename(path)}.`))
    .sort((a, b) => Number(b.split('.').at(-1)) - Number(a.split('.').at(-1)))
    .map(name => join(dirname(path), name))
  return existsSync(path) ? [...older, path] : older
}

/** Their contents, oldest first. */
export function readGenerations(path: string): Buffer[] {
  return listGenerations(path).map(name => readFileSync(name))
}

/** Time that passes only when told. */
export class VirtualClock {
  #nowMs = 0
  #timers: { atMs: number; run: () => void }[] = []

  readonly schedule: Schedule = (delayMs, run) => {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const due = this.#timers.filter(timer => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#nowMs = due.atMs
      this.#timers = this.#timers.filter(timer => timer !== due)
      due.run()
    }
    this.#nowMs = endMs
  }
}

/** What a flow posted, by kind. */
export class Posted {
  readonly messages: FromWorker[] = []
  readonly post = (message: FromWorker): void => void this.messages.push(message)

  of<Type extends FromWorker['type']>(type: Type): Extract<FromWorker, { type: Type }>[] {
    return this.messages.filter((message): message is Extract<FromWorker, { type: Type }> => message.type === type)
  }
}

/** A pseudo-terminal whose other side reads only when told. */
export interface Terminal {
  /** Path of the side that programs write to. */
  readonly path: string
  /** Starts reading; resolves with all that was written once `close` was called and nobody has it open. */
  read(): Promise<Buffer>
  /** Ends it without reading. */
  kill(): Promise<void>
}

const terminalProgram = `
import os, sys, tty
master, slave = os.openpty()
tty.setraw(slave)
os.write(1, (os.ttyname(slave) + "\\n").encode())
sys.stdin.readline()
os.close(slave)
while True:
    try: data = os.read(master, 65536)
    except OSError: break
    if not data: break
    while data: data = data[os.write(1, data):]
`

export async function openTerminal(): Promise<Terminal> {
  const child = spawn('python3', ['-c', terminalProgram], { stdio: ['pipe', 'pipe', 'inherit'] })
  const path = await new Promise<string>(resolve => child.stdout.once('data', data => resolve(String(data).trim())))
  return {
    path,
    async read() {
      const chunks: Buffer[] = []
      child.stdout.on('data', chunk => chunks.push(chunk))
      child.stdin.write('read\n')
      await new Promise(resolve => child.once('close', resolve))
      return Buffer.concat(chunks)
    },
    async kill() {
      child.kill('SIGKILL')
      await exitOf(child)
    },
  }
}
