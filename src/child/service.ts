/** Offering functions to other programs, and calling theirs. */
import { basename } from 'node:path'
import { IpcsupError } from '../errors.js'
import { readHandoff } from '../ipc/handoff.js'
import type { AnyApi, Api, Client } from '../ipc/service/api.js'
import type { ServingEnd } from '../ipc/service/end.js'
import { type Caller, makeClient } from '../ipc/service/proxy.js'
import type { Service } from '../ipc/service/server.js'
import { link } from './link.js'
import { onStop } from './stop.js'

export interface ServeOptions {
  /** Which link, where this process serves more than one. */
  readonly link?: string
  /** `false`: being asked to stop is the program's own matter, which calls `stop()` of the service then. Default: `true`. */
  readonly stop?: boolean
}

/**
 * Offers the functions of `api`, by their names. Resolves once callers can find them; from then on it keeps the program
 * alive.
 *
 * When the program is asked to stop (see `onStop`) it takes no new calls, finishes those that it has, and ends.
 *
 * @throws IpcsupError `IPCSUP_ERR_NO_SUCH_END`, `IPCSUP_ERR_SERVICE_STORE`, `IPCSUP_ERR_SERVICE_WIRE`
 */
export async function serve<Offered extends Api>(api: Offered, options: ServeOptions = {}): Promise<Service> {
  const end = await link<ServingEnd, string>(options.link ?? findServed())
  const service = await end.serve(api)
  if (options.stop !== false) onStop(() => service.stop())
  return service
}

function findServed(): string {
  const told = readHandoff(process.env)
  const served = Object.keys(told).filter(name => told[name]!.side === 'serve')
  if (served.length === 1) return served[0]!
  const known = Object.keys(told).join(', ') || 'none'
  if (served.length === 0) throw new IpcsupError('IPCSUP_ERR_NO_SUCH_END', { name: 'side serve', known })
  throw new IpcsupError('IPCSUP_ERR_LINK_USE', {
    link: served.join(', '),
    what: 'served',
    why: 'this process serves more than one',
    advice: 'Say which: serve(api, { link: NAME }).',
  })
}

/**
 * The functions that a service offers: `client<typeof api>('calc').add(1, 2)`. Nothing is connected before the first
 * call; only calls that wait keep the program alive.
 *
 * @param name - of a link that this process has an end of, or the path of the meeting socket of one
 * @throws IpcsupError `IPCSUP_ERR_NO_SUCH_END`
 */
export function client<Offered = AnyApi>(name: string): Client<Offered> {
  let opened: Caller | null = null
  let opening: Promise<Caller> | null = null
  const path = findMeeting(name)
  const open = async (): Promise<Caller> => {
    const { openCallingEnd } = await import('../ipc/service/end.js')
    opened = openCallingEnd(path, basename(name, '.service'))
    return opened
  }
  return makeClient<Offered>({
    call: (...call) => {
      if (opened !== null) return opened.call(...call)
      opening ??= open()
      return opening.then(caller => caller.call(...call))
    },
  })
}

function findMeeting(name: string): string {
  if (name.includes('/')) return name
  const told = readHandoff(process.env)
  const path = told[name]?.path
  if (path !== undefined) return path
  throw new IpcsupError('IPCSUP_ERR_NO_SUCH_END', { name, known: Object.keys(told).join(', ') || 'none' })
}
