/** Runs the command of `ipcsup link … with`: as a shell would, with all that this process was given but the link itself. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isInherited, readOwnEnds } from './access.js'
import type { Use } from './action.js'

/** Passed on. Those of a terminal's keys reach the command by themselves, and are only not to end us before it. */
const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const
const notForUs = ['SIGINT', 'SIGQUIT'] as const

/**
 * @param held - what holds the lock or the permit, and is held on to by the command, should we be killed; -1: nothing can
 * @returns its status as a shell has it: 127 not found, 126 cannot be executed, 128 + the number of a signal
 */
export function runCommand({ call, words, access }: Use, held: number): Promise<number> {
  const own = readOwnEnds(call)
  const others = Object.entries(own).flatMap(([link, { fd }]) =>
    fd !== null && fd > 2 && link !== access.name ? fd : [],
  )
  return new Promise(resolve => {
    const [file = '', ...rest] = words
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
    const ignore = (): void => {}
    // Before there is a command: it may run, and somebody may want it to end, before `spawn` returns.
    for (const signal of passedOn) process.on(signal, pass)
    for (const signal of notForUs) process.on(signal, ignore)
    const descriptors = listDescriptors(others.filter(isInherited))
    const child = spawn(file, rest, { stdio: held < 0 ? descriptors : [...descriptors, held] })
    const end = (status: number): void => {
      for (const signal of passedOn) process.off(signal, pass)
      for (const signal of notForUs) process.off(signal, ignore)
      resolve(status)
    }
    child.once('error', ({ code }: NodeJS.ErrnoException) => {
      call.err.write(`ipcsup: ${file} cannot be run: ${code === 'ENOENT' ? 'it was not found' : code}.\n`)
      end(code === 'ENOENT' ? 127 : 126)
    })
    child.once('exit', (status, signal) => end(signal === null ? (status ?? 0) : 128 + constants.signals[signal]))
  })
}

/** As `spawn` wants them: by number, and nothing in the gaps. */
function listDescriptors(others: readonly number[]): (number | 'ignore' | 'inherit')[] {
  const highest = Math.max(2, ...others)
  return Array.from({ length: highest + 1 }, (_, fd) => (fd <= 2 ? 'inherit' : others.includes(fd) ? fd : 'ignore'))
}
