/** The main thread's half of the logs: starts the worker when the first stream comes, and passes on what is said. */
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { Accounts, closeUnread, type Dropped, onlyLosses } from './accounts.js'
import { defaultLineLimitBytes } from './format.js'
import type { BlockedLog, CreateLogs, LogStream, Logs, LogsOptions } from './logs.js'
import type { FromWorker, ToWorker, WorkerOptions } from './messages.js'

// How long after the deadline the worker may be silent. Only a display that cannot be opened anew and that nobody reads,
// or a file system that hangs, makes it so.
const graceMs = 5_000

export const createLogs: CreateLogs = options => {
  const attached = new Map<string, LogStream>()
  const blocked = new Map<string, BlockedLog>()
  let thread: LogThread | null = null
  let closing: Promise<Dropped> | null = null
  const startOnce = (): LogThread => {
    thread ??= startThread(options, blocked)
    return thread
  }
  return {
    attach(stream) {
      if (closing !== null) return closeSync(stream.descriptor)
      attached.set(`${stream.process}.${stream.stream}`, stream)
      startOnce().attach(stream)
    },
    show(text) {
      if (options.display === null || closing !== null) return false
      startOnce().show(text)
      return true
    },
    files: () =>
      [...attached].map(([key, { process, stream }]) => ({
        process,
        stream,
        path: join(options.directory, `${key}.log`),
      })),
    blocked: () => [...blocked.values()],
    close({ deadlineMs }) {
      closing ??= thread === null ? Promise.resolve({}) : thread.close(deadlineMs)
      return closing
    },
  } satisfies Logs
}

interface LogThread {
  attach(stream: LogStream): void
  show(text: string): void
  close(deadlineMs: number): Promise<Dropped>
}

/** The thread; when the system gives none (`ulimit -u`), what only keeps the streams, so that nobody is hurt by it. */
function startThread(options: LogsOptions, blocked: Map<string, BlockedLog>): LogThread {
  try {
    return followWorker(startWorker(options), options, blocked)
  } catch (error) {
    const advice =
      'Logs are not read, and who writes much waits; raise the limit of processes (`ulimit -u`), and restart ipcsup.'
    options.onWarning(`The log worker cannot be started: ${(error as Error).message}. ${advice}`)
    return keepStreams()
  }
}

function keepStreams(): LogThread {
  const streams: LogStream[] = []
  return {
    attach: stream => void streams.push(stream),
    show: () => {},
    close: async () => closeUnread(streams.splice(0)),
  }
}

function followWorker(worker: Worker, options: LogsOptions, blocked: Map<string, BlockedLog>): LogThread {
  const accounts = new Accounts()
  const send = (message: ToWorker): void => worker.postMessage(message)
  const begun = new Promise<void>(resolve => worker.once('online', resolve))
  const closed = new Promise<Dropped>(resolve => {
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'closed') resolve(message.dropped)
      else if (message.type === 'warning') options.onWarning(message.message)
      else noteBlocked(blocked, message)
    })
    worker.on('error', error => {
      options.onWarning(`The log worker failed: ${error.message}. Logs are no longer read; restart ipcsup.`)
      // Its end closes what it reads, so this is what is known of it, now.
      resolve(accounts.countTaken())
    })
  })
  // A supervisor is kept alive by its processes, never by its logs; `close` waits for them.
  worker.unref()
  return {
    attach: stream => send({ type: 'attach', stream, account: accounts.open(stream) }),
    show: text => send({ type: 'show', text }),
    async close(deadlineMs) {
      worker.ref()
      send({ type: 'close', deadlineMs })
      // On a busy machine a thread takes long to begin; until then it hangs in nothing.
      await Promise.race([begun, closed])
      const dropped = await within(closed, deadlineMs + graceMs)
      if (dropped === null) {
        options.onWarning('The log worker hangs in a write; what it has not written is lost.')
        options.onHang?.()
      }
      const lost = dropped ?? onlyLosses(accounts.countTaken())
      const ended = worker.terminate()
      if (dropped === null) worker.unref()
      else await ended
      return { ...lost, ...accounts.closeUntaken() }
    },
  }
}

function startWorker(options: LogsOptions): Worker {
  const { directory, maxBytes, files, display } = options
  const workerData: WorkerOptions = {
    directory,
    maxBytes,
    files,
    display,
    names: options.names ?? [],
    lineLimitBytes: options.lineLimitBytes ?? defaultLineLimitBytes,
  }
  return new Worker(options.workerUrl ?? findWorker(), {
    workerData,
    env: SHARE_ENV,
    execArgv: [],
    // Without these Node connects them to its own `process.stdout`, whose getter makes a shared description non-blocking.
    stdout: true,
    stderr: true,
  })
}

/** Beside the bundle that this code is in. Run from source (tests), the thread needs the built one: Node 20 runs no TypeScript. */
function findWorker(): URL {
  const isSource = import.meta.url.endsWith('.ts')
  return new URL(isSource ? '../../../dist/log-worker.js' : './log-worker.js', import.meta.url)
}

function noteBlocked(blocked: Map<string, BlockedLog>, message: FromWorker & { readonly type: 'blocked' }): void {
  const { process, stream, why } = message
  const key = `${process}.${stream}`
  if (why === null) blocked.delete(key)
  else blocked.set(key, { process, stream, why })
}

/** The answer, or null when it does not come in time. */
async function within<T>(answer: Promise<T>, limitMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => {
    // An answer that came while this thread itself was held up is looked at first.
    timer = setTimeout(() => setImmediate(resolve, null), limitMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
