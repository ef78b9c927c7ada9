/** Something to take and give back. */
import { IpcsupError } from '../../errors.js'
import type { WaitOptions } from '../../ipc/waiting-line.js'
import type { Outcome } from '../verb.js'
import { wrongUsage } from '../verb.js'
import { type Action, readNumber, readTimeout, type Use, withEnd } from './action.js'

interface Options extends WaitOptions {
  readonly member?: number
  /** It stays taken when we end. */
  readonly keep?: boolean
}

/** A permit is counted, and may outlive who took it; or there is one holder, who must live. */
interface Permits {
  acquire?(options: Options): Promise<() => void>
  release?(member?: number): void
  hold?<T>(act: () => Promise<T>, options: Options): Promise<T>
  /** Whoever inherits it keeps what we hold; -1: there is none. */
  readonly descriptor: number
}

export const acquire: Action = {
  words: '',
  options: ['timeout', 'member'],
  run: use =>
    withPermits(use, async end => {
      if (end.acquire === undefined) throw refuseLasting(use)
      await end.acquire({ ...readOptions(use), keep: true })
      return 0
    }),
}

export const release: Action = {
  words: '',
  options: ['member'],
  run: use =>
    withPermits(use, async end => {
      if (end.release === undefined) throw refuseLasting(use)
      end.release(readOptions(use).member)
      return 0
    }),
}

/** The permit comes back however the command ends, and when we are killed too. */
export const withPermit: Action = {
  words: '-- command…',
  options: ['timeout', 'member'],
  run: use => {
    if (use.words.length === 0) throw wrongUsage(use.call, 'What shall run while it is held comes after --.')
    return withPermits(use, async end => {
      const { runCommand } = await import('./command.js')
      const act = async (): Promise<Outcome> => ({ status: await runCommand(use, end.descriptor) })
      if (end.hold !== undefined) return end.hold(act, readOptions(use))
      const giveBack = await end.acquire!(readOptions(use))
      return act().finally(giveBack)
    })
  },
}

/** That it was not free in time is an answer, as of `flock -n`. */
async function withPermits(use: Use, work: (end: Permits) => Promise<Outcome>): Promise<Outcome> {
  try {
    return await withEnd<Permits>(use, () => true, work)
  } catch (error) {
    if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_TIMEOUT') return 1
    throw error
  }
}

function refuseLasting({ call, access, action }: Use): IpcsupError {
  const why = `Who has "${access.name}" must live, and this command ends at once, so it cannot ${action}.`
  return wrongUsage(call, `${why} Hold it while a command runs: ipcsup link ${access.name} with -- command.`)
}

function readOptions({ call }: Use): Options {
  const [timeout, member] = [readTimeout(call), readNumber(call, 'member', 0)]
  return { ...(timeout === undefined ? {} : { timeout }), ...(member === undefined ? {} : { member }) }
}
