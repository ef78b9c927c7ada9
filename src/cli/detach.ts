/**
 * `start --detach`: the same supervisor in a session of its own, and how it tells the one that was typed.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, realpathSync, statSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { IpcsupError } from '../errors.js'
import { makeDirectories } from '../ipc/make-directories.js'
import { closedVariable } from '../supervisor/host/closed-at-start.js'
import { nameRunDirectory } from '../supervisor/run/name.js'
import { findStateDirectory } from '../supervisor/state-directory.js'
import { findConfigHere } from './config.js'
import { type Call, type Outcome, readValue } from './verb.js'

/** What the background says once, when it is up or has failed. */
interface Word {
  readonly text: string
  readonly status: Outcome
}

/** Descriptor in the background over which the one that was typed is told. */
const parentDescriptor = 3

/** A log of the background that is larger than this begins anew. */
const longestLogBytes = 1024 * 1024

/** In the process that was typed: returns when the background is up, or with its error and status. */
export async function startDetached(call: Call): Promise<Outcome> {
  const log = await openLog(call)
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...makeArguments(call)], {
    detached: true,
    env: { ...process.env, [closedVariable]: undefined },
    stdio: ['ignore', log.descriptor, log.descriptor, 'pipe'],
  })
  closeSync(log.descriptor)
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forward)
  const ended = new Promise<string>((settle, fail) => {
    child.once('error', fail)
    child.once('exit', (code, signal) => settle(signal ? `it was killed by ${signal}` : `it ended with status ${code}`))
  })
  const said = await readAll(child.stdio[parentDescriptor] as AsyncIterable<Buffer>)
  if (said === '') throw new IpcsupError('IPCSUP_ERR_DETACH', { why: await ended, log: log.path })
  child.unref()
  const { text, status } = JSON.parse(said) as Word
  call.err.write(text)
  if (status === 0) call.err.write(`ipcsup: running in the background (pid ${child.pid}), messages in ${log.path}\n`)
  return status
}

/**
 * In the background: runs `live`, which calls back when it is up, and tells the parent what was said until then.
 */
export async function reportToParent(
  call: Call,
  live: (call: Call, onUp: () => void) => Promise<Outcome>,
): Promise<Outcome> {
  let said = ''
  let isTold = false
  const tell = (status: Outcome, text = '') => {
    if (isTold) return
    isTold = true
    writeSync(parentDescriptor, JSON.stringify({ text: said + text, status } satisfies Word))
    closeSync(parentDescriptor)
  }
  const err = {
    ...call.err,
    write(text: string | Buffer) {
      if (!isTold) said += text
      call.err.write(stamp(text))
    },
  }
  try {
    return await live({ ...call, err }, () => tell(0))
  } catch (error) {
    if (error instanceof IpcsupError) tell(error.status, `ipcsup: ${error.message}\n`)
    throw error
  }
}

/** In a log, lines need their time; on the terminal where the command was typed they do not. */
function stamp(text: string | Buffer): string {
  const time = new Date().toISOString()
  return text.toString().replace(/^(?=.)/gm, `${time} `)
}

/** The same command line again; `--config` is absolute in it, as the current directory has found it. */
function makeArguments(call: Call): string[] {
  const config = readValue(call, 'config')
  return [
    'start',
    ...(config === undefined ? [] : ['--config', config]),
    ...(call.options.strict === true ? ['--strict'] : []),
    '--background-of',
    String(process.pid),
    '--',
    ...call.arguments,
  ]
}

async function openLog(call: Call): Promise<{ descriptor: number; path: string }> {
  const given = readValue(call, 'config')
  const config = given === undefined ? findConfigHere() : resolve(given)
  const directory = findStateDirectory()
  if (directory === null) {
    const what = 'Finding a directory for messages (set XDG_STATE_HOME to one, or HOME)'
    throw new IpcsupError('IPCSUP_ERR_SYSTEM', { what, call: 'getpwuid', errno: 'ENOENT' })
  }
  const path = join(directory, `${nameLog(config ?? process.cwd())}.log`)
  try {
    makeDirectories(directory)
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    return { descriptor: openSync(path, size > longestLogBytes ? 'w' : 'a', 0o600), path }
  } catch (cause) {
    const { syscall, code } = cause as NodeJS.ErrnoException
    const detail = {
      what: `Opening the file for messages ${path}`,
      call: syscall ?? 'open',
      errno: code ?? String(cause),
    }
    throw new IpcsupError('IPCSUP_ERR_SYSTEM', detail, { cause })
  }
}

/** Named as the run directory will be. A config that is not there is the background's error to report. */
function nameLog(config: string): string {
  try {
    return nameRunDirectory({ configPath: realpathSync(config) })
  } catch {
    return 'start'
  }
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
