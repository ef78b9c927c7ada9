/**
 * Every error of ipcsup: a stable code, the exit status it leads to, and the one sentence that a person reads.
 *
 * The sentence says what could not be done, to which named thing, why, and what to do about it. A code is never
 * reused; `docs/errors.md` lists them all, and a test binds the two.
 */

import { errorsOfEnds } from './errors/of-ends.js'

/** Exit statuses of the command line: 0 done, 1 a process failed, 2 usage or config, 3 no supervisor, 4 system. */
export type ExitStatus = 0 | 1 | 2 | 3 | 4

export interface Entry {
  readonly status: ExitStatus
  readonly text: (detail: Detail) => string
}

/** What a sentence is made of; every value is shown as it is. */
export type Detail = Readonly<Record<string, string | number>>

const table = {
  IPCSUP_ERR_UNSUPPORTED: {
    status: 4,
    text: d => `${d.what} is not available on ${d.system}. ${d.advice ?? 'Run ipcsup on Linux.'}`,
  },
  IPCSUP_ERR_SYSTEM: {
    status: 4,
    text: d => `${d.what} failed: ${d.call}: ${d.errno}.`,
  },
  IPCSUP_ERR_ARGUMENTS_TOO_LONG: {
    status: 1,
    text: d =>
      `Process "${d.process}" cannot start: ${d.why}. ${d.advice ?? `Give ${d.command} its data in a file or on its standard input.`}`,
  },
  IPCSUP_ERR_COMMAND_NOT_EXECUTABLE: {
    status: 1,
    text: d => `Process "${d.process}" cannot start: ${d.path} cannot be executed: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_COMMAND_NOT_FOUND: {
    status: 1,
    text: d => `Process "${d.process}" cannot start: command "${d.command}" was not found: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_ENV_FILE: {
    status: 1,
    text: d => `Process "${d.process}" cannot start: its envFile ${d.path} cannot be used: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_REDIRECTION: {
    status: 1,
    text: d =>
      `Process "${d.process}" cannot start: its ${d.stream} cannot be ${d.use} ${d.path}: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_SPAWN: {
    status: 4,
    text: d => `Process "${d.process}" cannot start: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_WORKING_DIRECTORY: {
    status: 1,
    text: d =>
      `Process "${d.process}" cannot start: its directory ${d.directory} cannot be used: ${d.why}. Make it, or change \`cwd\`.`,
  },
  IPCSUP_ERR_LINK_CREATE: {
    status: 4,
    text: d => `Link "${d.link}" cannot be created: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_LINK_CLOSED: {
    status: 1,
    text: d =>
      `"${d.process}" cannot run again alone: the ${d.side} side of link "${d.link}" is closed, and ${d.others} still use it. ` +
      `Restart them together: ${d.command}`,
  },
  IPCSUP_ERR_STARTED_TWICE: {
    status: 2,
    text: d => `"${d.name}" cannot be started: it was ${d.done} already. Make a new supervisor for another run.`,
  },
  IPCSUP_ERR_DESCRIPTOR_LIMIT: {
    status: 4,
    text: d =>
      `"${d.name}" cannot be started: it may need ${d.needed} file descriptors, and the limit of this process is ${d.limit}. ` +
      `Raise the hard limit, for example with \`ulimit -Hn ${d.needed}\`.`,
  },
  IPCSUP_ERR_STOPPING: {
    status: 1,
    text: d => `"${d.names}" cannot be started: the supervisor is ending. Start it again once it has ended.`,
  },
  IPCSUP_ERR_CONFIG: {
    status: 2,
    text: d => `${d.where} has ${d.count}:\n${d.problems}`,
  },
  IPCSUP_ERR_CONFIG_NOT_FOUND: {
    status: 2,
    text: d =>
      `There is no config in ${d.directory}: looked for ${d.places}. Write one with \`ipcsup init\`, or say where it is with --config FILE.`,
  },
  IPCSUP_ERR_CONFIG_AMBIGUOUS: {
    status: 2,
    text: d =>
      `${d.directory} has ${d.count} configs: ${d.files}. Remove all but one, or say which with --config FILE.`,
  },
  IPCSUP_ERR_CONFIG_LOAD: {
    status: 2,
    // A place in the file begins with its path.
    text: d =>
      String(d.why).startsWith(`${d.file}:`)
        ? `The config cannot be loaded: ${d.why}`
        : `The config ${d.file} cannot be loaded: ${d.why}`,
  },
  IPCSUP_ERR_UNKNOWN_LINK: {
    status: 2,
    text: d => `There is no ${d.what}.${d.nearest ? ` Did you mean "${d.nearest}"?` : ''} Known: ${d.known}.`,
  },
  IPCSUP_ERR_SIDE_CLOSED: {
    status: 1,
    text: d =>
      `The ${d.side} side of link "${d.link}" cannot be opened: it is closed, since everyone who used it is finished. ` +
      (d.advice ?? 'Ask for it before start().'),
  },
  IPCSUP_ERR_SIDE_TAKEN: {
    status: 1,
    text: d =>
      `The ${d.side} side of link "${d.link}" cannot be opened: it is for one process at a time, and ${d.holder} has it. ` +
      'Use another side, or another kind of link.',
  },
  IPCSUP_ERR_SIDE_UNUSED: {
    status: 2,
    text: d =>
      `Link "${d.link}" cannot be made: nobody uses its ${d.side} side. Give it to a process, or ask for it with link("${d.link}", "${d.side}") before start().`,
  },
  IPCSUP_ERR_NOT_STARTED: {
    status: 2,
    text: d => `Nothing can be done with "${d.names}" yet: the supervisor has not started. Await start() first.`,
  },
  IPCSUP_ERR_NOT_UP: {
    status: 1,
    text: d =>
      `"${d.name}" did not come back: it is ${d.state}${d.note}. Those after it were not restarted. See \`ipcsup status\` and \`ipcsup logs ${d.name}\`.`,
  },
  IPCSUP_ERR_UNKNOWN_SIGNAL: {
    status: 2,
    text: d =>
      `There is no signal "${d.signal}".${d.nearest ? ` Did you mean "${d.nearest}"?` : ''} See \`kill -l\`; names begin with SIG.`,
  },
  IPCSUP_ERR_UNKNOWN_PROCESS: {
    status: 2,
    text: d => `There is no process "${d.name}".${d.nearest ? ` Did you mean "${d.nearest}"?` : ''} Known: ${d.known}.`,
  },
  IPCSUP_ERR_RUN_DIRECTORY: {
    status: 4,
    text: d =>
      `The run directory ${d.directory} cannot be used: ${d.why}. ` +
      (d.advice ??
        'It must be a directory of yours with mode 700; remove it, or set XDG_RUNTIME_DIR to a directory that only you can enter.'),
  },
  IPCSUP_ERR_ALREADY_RUNNING: {
    status: 2,
    text: d =>
      `A supervisor of ${d.configPath} is running already (pid ${d.pid}). See it with \`ipcsup status\` and \`ipcsup logs -f\`, or stop it first with \`ipcsup stop\`.`,
  },
  IPCSUP_ERR_NOT_REMOVED: {
    status: 4,
    text: d =>
      `The supervisor of "${d.name}" (pid ${d.pid}) left what cannot be removed: ${d.objects}. Give the right to write to the directories, then say \`ipcsup clean\`.`,
  },
  IPCSUP_ERR_SURVIVORS: {
    status: 4,
    text: d =>
      `A supervisor of "${d.name}" (pid ${d.pid}) died, and these processes of it cannot be ended: ${d.processes}. End them by hand, then start again.`,
  },
  IPCSUP_ERR_NO_SUPERVISOR: {
    status: 3,
    text: d =>
      d.mute
        ? `The supervisor that runs ${d.where} takes no commands: it is part of a Node program, which has methods for that, or is just starting.`
        : `No supervisor is running ${d.where}. Start one with \`ipcsup start\`; \`ipcsup ls\` shows all that run.`,
  },
  IPCSUP_ERR_SEVERAL_SUPERVISORS: {
    status: 2,
    text: d =>
      `There is no config here and several supervisors run: ${d.runs}. Say which with --config FILE or --pid PID.`,
  },
  IPCSUP_ERR_CONTROL: {
    status: 4,
    text: d => `The supervisor at ${d.socket} did not answer "${d.request}": ${d.why}.`,
  },
  IPCSUP_ERR_REQUEST: {
    status: 2,
    text: d => `The request "${d.request}" is not valid: ${d.why}.`,
  },
  IPCSUP_ERR_USAGE: {
    status: 2,
    text: d => `${d.what} See \`ipcsup ${d.verb ? `${d.verb} ` : ''}--help\`.`,
  },
  IPCSUP_ERR_FILE_EXISTS: {
    status: 2,
    text: d => `${d.path} exists and is not overwritten. Use it, or remove it first.`,
  },
  IPCSUP_ERR_INTERNAL: {
    status: 4,
    text: d =>
      `"${d.name}" cannot go on, and all that it had started was ended: ${d.why}. This is a defect of ipcsup: please report it.`,
  },
  IPCSUP_ERR_DETACH: {
    status: 4,
    text: d =>
      `The supervisor in the background ended before its processes were started: ${d.why}. Its messages are in ${d.log}.`,
  },
  ...errorsOfEnds,
} satisfies Record<`IPCSUP_ERR_${string}`, Entry>

export type ErrorCode = keyof typeof table

/** All codes, in the order of the table. */
export const errorCodes = Object.keys(table) as readonly ErrorCode[]

/** An error as plain data: how it crosses the host's and the control socket's boundary. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
}

export class IpcsupError extends Error {
  override readonly name = 'IpcsupError'
  readonly code: ErrorCode
  readonly detail: Detail

  constructor(code: ErrorCode, detail: Detail, options?: { cause?: unknown; message?: string }) {
    super(
      options?.message ?? table[code].text(detail),
      options?.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.detail = detail
  }

  /** The exit status of a command that ends with this error. */
  get status(): ExitStatus {
    return table[this.code].status
  }

  toJSON(): ErrorData {
    return { code: this.code, message: this.message }
  }

  /** The error again, from what `toJSON` made of it. */
  static from(data: ErrorData): IpcsupError {
    return new IpcsupError(data.code, {}, { message: data.message })
  }
}
