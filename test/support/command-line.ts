/** The built command line in a sandbox of its own: runtime, state and current directory are private to one test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectControls } from '../../src/control/client.js'
import type { Status } from '../../src/supervisor/controls.js'
import { isAlive, readProcess } from '../../src/supervisor/host/proc.js'
import { cleanRuns, listRuns, type RunEntry } from '../../src/supervisor/run/list.js'
import { until } from './conditions.js'

export const program = fileURLToPath(new URL('../../bin/ipcsup', import.meta.url))
const terminalProgram = fileURLToPath(new URL('./terminal.py', import.meta.url))

export interface Ended {
  /** As a shell reports it: 128 + signal where one ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Started {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Resolves when the text has come on stdout (or on a terminal). */
  shows(text: string | RegExp): Promise<void>
  type(text: string): void
  readonly ended: Promise<Ended>
}

export interface Sandbox extends AsyncDisposable {
  /** The current directory of all commands. */
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  writeConfig(config: unknown): void
  /** Runs `ipcsup …` to its end. */
  ipcsup(...argv: string[]): Promise<Ended>
  start(...argv: string[]): Started
  /** Runs a shell script on a new terminal, `ipcsup` being on its PATH. */
  openTerminal(script: string, options?: { readonly deaf?: boolean; readonly shell?: string }): Started
  /** Of the supervisor that runs here. */
  status(): Promise<Status>
  /** The supervisors of this sandbox; `ipcsup ls` itself has those of the whole user. */
  listRuns(): readonly RunEntry[]
}

export function createSandbox(): Sandbox {
  const root = realpathSync(mkdtempSync('/tmp/ipcsup-sandbox-'))
  const directory = join(root, 'project')
  for (const name of ['runtime', 'state', 'project']) mkdirSync(join(root, name), { mode: 0o700 })
  const environment = {
    ...process.env,
    XDG_RUNTIME_DIR: join(root, 'runtime'),
    XDG_STATE_HOME: join(root, 'state'),
    PATH: `${fileURLToPath(new URL('../../bin', import.meta.url))}:${process.env.PATH}`,
  }
  const children: ChildProcess[] = []
  const launch = (file: string, argv: readonly string[]): Started => {
    const child = spawn(file, argv, { cwd: directory, env: environment, stdio: 'pipe' })
    children.push(child)
    return watchChild(child)
  }
  const where = { environment, temporary: root }
  const listAlive = () => listRuns(where).filter(({ alive }) => alive)
  return {
    directory,
    environment,
    listRuns: () => listRuns(where),
    writeConfig: config => writeFileSync(join(directory, 'ipcsup.config.json'), JSON.stringify(config)),
    ipcsup: (...argv) => launch(program, argv).ended,
    start: (...argv) => launch(program, argv),
    openTerminal: (script, { deaf = false, shell = 'sh' } = {}) =>
      launch('python3', [terminalProgram, deaf ? 'deaf' : 'reads', shell, '-c', script]),
    status: () => connectControls(listAlive()[0]!.directory, 'in the sandbox').status(),
    async [Symbol.asyncDispose]() {
      const pids = listAlive().map(({ pid }) => pid)
      for (const pid of pids) killIfAlive(pid)
      for (const child of children) child.kill('SIGKILL')
      // The living are left alone, and nobody may write any more where everything is removed.
      await until('supervisors and children are gone', () => !pids.some(lives) && children.every(hasEnded))
      await cleanRuns(where)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** SIGKILL for a process that may have ended by itself meanwhile. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const lives = (pid: number): boolean => isAlive(readProcess(pid))
const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

function watchChild(child: ChildProcess): Started {
  const text = { out: '', err: '' }
  child.stdout!.setEncoding('utf8').on('data', chunk => {
    text.out += chunk
  })
  child.stderr!.setEncoding('utf8').on('data', chunk => {
    text.err += chunk
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status, signal, ...text }))
  })
  return {
    child,
    out: () => text.out,
    err: () => text.err,
    shows: wanted => until(`the output has ${wanted}`, () => new RegExp(wanted).test(text.out)),
    type: typed => void child.stdin!.write(typed),
    ended,
  }
}
