/**
 * Why a process could not be started, told apart: the errno of posix_spawn is the same for a missing command, a
 * missing directory and a missing interpreter. Pure; what was found on the disk is in the facts.
 */
import { type Detail, type ErrorCode, IpcsupError } from '../../errors.js'
import type { CommandFacts, PathState } from './command.js'

/** An error and what a shell would report as the exit code. */
export interface SpawnFault {
  readonly error: IpcsupError
  readonly code: 127 | 126 | 1
}

export interface SpawnSizes {
  readonly argv: readonly string[]
  /** `NAME=value`. */
  readonly variables: readonly string[]
}

// MAX_ARG_STRLEN of the kernel (binfmts.h): 32 pages, here of 4 KiB, with the final NUL.
const longestString = 131_072

const longestPathShown = 80

/** What shells have and no system a program of; those of POSIX may be there as one. */
const builtins: ReadonlySet<string> = new Set(
  (
    '. alias bg break builtin cd command continue declare eval exec exit export fc fg getopts hash jobs let local ' +
    'mapfile popd pushd read readonly return set shift shopt source times trap type typeset ulimit umask unalias unset wait'
  ).split(' '),
)

const ofShell = {
  why: 'it is a part of shells, no program',
  advice: "Give the whole to a shell (shell: true, or sh -c '…'); a config has `cwd`, `env` and `umask` besides.",
}

/**
 * What is wrong with a command whatever the kernel says, in the order in which it would notice; null: nothing.
 *
 * A gate runs this before the spawn, because a shell would report in its own words, and would run a file without a
 * `#!` line as a script.
 */
export function findFault(process: string, facts: CommandFacts): SpawnFault | null {
  return findDirectoryFault(process, facts) ?? findFileFault(process, facts) ?? findFormatFault(process, facts)
}

/** The fault of a spawn that failed. */
export function explainSpawn(process: string, errno: string, facts: CommandFacts, sizes: SpawnSizes): SpawnFault {
  if (errno === 'E2BIG') return explainSize(process, facts.command, sizes)
  const isOfFile = ['ENOENT', 'ENOTDIR', 'EACCES', 'ENOEXEC', 'EISDIR'].includes(errno)
  return (isOfFile ? findFault(process, facts) : null) ?? explainErrno(process, errno, facts)
}

/** A string with a NUL would be cut there. */
export function findNul(process: string, sizes: SpawnSizes): SpawnFault | null {
  const what = nameString(sizes, string => string.includes('\0'))
  if (what === null) return null
  return fault('IPCSUP_ERR_SPAWN', 1, { process, why: `${what} has a NUL in it`, advice: 'Remove it.' })
}

function findDirectoryFault(process: string, facts: CommandFacts): SpawnFault | null {
  const why: Partial<Record<PathState, string>> = {
    missing: 'it does not exist',
    'not a directory': 'a part of its path is not a directory',
    'no permission': 'there is no permission to enter it',
    executable: 'it is not a directory',
    'not executable': 'it is not a directory',
  }
  const found = why[facts.directoryState]
  return found ? fault('IPCSUP_ERR_WORKING_DIRECTORY', 1, { process, directory: facts.directory, why: found }) : null
}

function findFileFault(process: string, facts: CommandFacts): SpawnFault | null {
  const { command, path, pathState, searched } = facts
  if (searched !== null && pathState === 'missing' && builtins.has(command)) {
    return fault('IPCSUP_ERR_COMMAND_NOT_FOUND', 127, { process, command, ...ofShell })
  }
  if (pathState === 'missing' || pathState === 'not a directory') {
    const where =
      searched === null ? `there is no file ${path}` : `it is not in the PATH of the process (${shorten(searched)})`
    const advice = searched === null ? 'Check its path.' : 'Install it, or give its path.'
    return fault('IPCSUP_ERR_COMMAND_NOT_FOUND', 127, { process, command, why: where, advice })
  }
  const why: Partial<Record<PathState, [string, string]>> = {
    directory: ['it is a directory', 'Name a program in it.'],
    'not executable': ['it has no execute permission', `Run: chmod +x ${path}`],
    'no permission': ['there is no permission to search its directory', 'Give search permission (x) on it.'],
  }
  return why[pathState] ? notExecutable(process, path!, ...why[pathState]) : null
}

/** A PATH can be a screen long. */
function shorten(path: string): string {
  return path.length > longestPathShown ? `${path.slice(0, longestPathShown)}…` : path
}

function findFormatFault(process: string, facts: CommandFacts): SpawnFault | null {
  const { format, interpreterState, path, command } = facts
  if (format.type === 'unknown') {
    const why = 'it is neither a binary nor a script with a #! line'
    return notExecutable(
      process,
      path!,
      why,
      'Write a first line such as "#!/bin/sh", or put the interpreter before it.',
    )
  }
  if (format.type === 'unreadable' || format.interpreter === null || interpreterState === 'executable') return null
  const { interpreter } = format
  if (interpreterState === 'missing' || interpreterState === 'not a directory') {
    const role = format.type === 'elf' ? 'loader' : 'interpreter'
    const why = `the ${role} ${interpreter} of ${path} does not exist`
    return fault('IPCSUP_ERR_COMMAND_NOT_FOUND', 127, {
      process,
      command,
      why,
      advice: 'Install it, or correct that line.',
    })
  }
  return notExecutable(process, path!, `its interpreter ${interpreter} cannot be executed`, 'Correct its first line.')
}

function explainSize(process: string, command: string, sizes: SpawnSizes): SpawnFault {
  const what = nameString(sizes, string => Buffer.byteLength(string) >= longestString)
  const total = [...sizes.argv, ...sizes.variables].reduce((sum, string) => sum + Buffer.byteLength(string) + 9, 0)
  const why =
    what === null
      ? `its arguments and environment are ${total} bytes together, more than the kernel takes (a quarter of \`ulimit -s\`); the largest is ${nameLargest(sizes)}`
      : `${what} is longer than the ${longestString - 1} bytes that the kernel takes`
  const advice = what === 'the variable IPCSUP_LINKS' ? 'Give it fewer links.' : undefined
  return fault('IPCSUP_ERR_ARGUMENTS_TOO_LONG', 126, { process, command, why, ...(advice && { advice }) })
}

/** Reasons that are not of the command. */
const reasons: Readonly<Record<string, [why: string, advice: string]>> = {
  EAGAIN: ['there are too many processes', 'Raise `ulimit -u` or the pids limit of the container.'],
  ENOMEM: ['there is not enough memory', 'Free some.'],
  EMFILE: ['there are too many open files', 'Raise `ulimit -n`.'],
  ENFILE: ['there are too many open files in the system', 'Raise /proc/sys/fs/file-max.'],
  EBADF: [
    'one of its descriptor numbers is above the limit of open files',
    'Choose a lower `fd`, or raise `ulimit -n`.',
  ],
  ETXTBSY: ['its file is being written', 'Wait until that is done.'],
  ELOOP: ['its path has too many symbolic links', 'Give another path.'],
  ENAMETOOLONG: ['its path is too long', 'Give a shorter path.'],
  ENOEXEC: ['its file is of a format that this system cannot execute', 'Use a binary for this machine.'],
  EACCES: ['the system refuses to execute it', 'Look for a mount option noexec, or a security policy.'],
  EPERM: ['the system refuses to execute it', 'Look for a security policy.'],
}

function explainErrno(process: string, errno: string, facts: CommandFacts): SpawnFault {
  return explainSystem(process, errno, facts.path ?? facts.command, 126)
}

/** The fault when a system call failed that has nothing to do with the command. */
export function explainSystem(process: string, errno: string, what: string, code: SpawnFault['code']): SpawnFault {
  const [why, advice] = reasons[errno] ?? [`the system says ${errno}`, 'See errno(3).']
  return fault('IPCSUP_ERR_SPAWN', code, { process, why: `${why} (${what}, ${errno})`, advice })
}

function nameString(sizes: SpawnSizes, isMeant: (string: string) => boolean): string | null {
  const argument = sizes.argv.findIndex(isMeant)
  if (argument !== -1) return argument === 0 ? 'the command' : `argument ${argument}`
  const variable = sizes.variables.find(isMeant)
  return variable === undefined ? null : `the variable ${variable.slice(0, variable.indexOf('='))}`
}

function nameLargest(sizes: SpawnSizes): string {
  const largest = Math.max(...[...sizes.argv, ...sizes.variables].map(string => Buffer.byteLength(string)))
  return nameString(sizes, string => Buffer.byteLength(string) === largest)!
}

function notExecutable(process: string, path: string, why: string, advice: string): SpawnFault {
  return fault('IPCSUP_ERR_COMMAND_NOT_EXECUTABLE', 126, { process, path, why, advice })
}

function fault(code: ErrorCode, exitCode: SpawnFault['code'], detail: Detail): SpawnFault {
  return { code: exitCode, error: new IpcsupError(code, detail) }
}
