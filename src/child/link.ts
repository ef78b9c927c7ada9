/** The ends of links that a process was given. */
import { IpcsupError } from '../errors.js'
import { readHandoff } from '../ipc/handoff.js'
import type { Kind, OpenEnd } from '../ipc/kind.js'
import type { EndOf, LinkName } from './types.js'

/** Names of the links that this process has an end of; empty when ipcsup did not start it. */
export function linkNames(): readonly string[] {
  return Object.keys(readHandoff(process.env))
}

/**
 * Opens this process's end of a link: what it is depends on the kind (its page says it). The end owns its descriptor, so
 * ask for it once. It does not keep the program alive; only what is waited for does.
 *
 * The types come from the config: `link<typeof config, 'api'>('api')` is what that link is, `link<typeof config>('api')`
 * checks the name and is one of all that the config has (TypeScript infers either all type arguments or none; for names
 * that are inferred see {@link linksOf}), and `link<Socket>('api')` is what you say.
 *
 * @throws IpcsupError `IPCSUP_ERR_NO_SUCH_END` when this process has no end of that link
 */
export async function link<Given = unknown, Name extends string = LinkName<Given>>(
  name: Name,
): Promise<EndOf<Given, Name>> {
  const told = readHandoff(process.env)
  if (!Object.hasOwn(told, name)) fail(name, Object.keys(told))
  const { kind, side, fd, options, is, ...hint } = told[name]!
  const [{ kinds }, { identifyDescriptor }] = await Promise.all([
    import('../ipc/kinds/index.js'),
    import('../platform/index.js'),
  ])
  const { open, form } = (kinds as Readonly<Record<string, Kind>>)[kind]!
  if (fd !== null) {
    refuseAgain(name)
    refuseForeign(name, fd, is === undefined || identifyDescriptor(fd) === is)
    if (form(options) !== 'memory') spent.set(name, 'belongs to the end that this program has opened already')
  }
  const end = await open({ link: name, descriptor: fd ?? -1, side, hint }, options)
  if (form(options) === 'memory') countUse(name, end)
  return end as EndOf<Given, Name>
}

/** Links whose descriptor is not to be used any more, and why. */
const spent = new Map<string, string>()

/** How often memory is open. Of that comes the same again, until all have closed it. */
const uses = new Map<string, number>()

function countUse(link: string, end: OpenEnd): void {
  const change = (by: 1 | -1): number => {
    const count = (uses.get(link) ?? 0) + by
    uses.set(link, count)
    return count
  }
  change(1)
  end.once('close', () => {
    if (change(-1) === 0) spent.set(link, 'was closed with the end that this program had opened')
  })
}

/** The number of a descriptor that was closed is soon that of something else: of another link, or of a file. */
function refuseAgain(link: string): void {
  const why = spent.get(link)
  if (why === undefined) return
  throw refuse(link, 'opened again', `its descriptor ${why}`, 'Ask for it once, and pass that end on.')
}

/**
 * A program that was started in between, and knows nothing of the descriptors, passes on the variables only. Then Node
 * has that number for something of its own, which must not be written to. At 0 to 2 is what such a program meant to be.
 */
function refuseForeign(link: string, fd: number, isIts: boolean): void {
  if (fd <= 2 || isIts) return
  throw refuse(
    link,
    'opened',
    `descriptor ${fd} is not its end: whoever started this program did not pass it on, or another thread has opened it`,
    'Pass it on at the same number (`stdio` of spawn in Node, `pass_fds` in Python), and open it in one thread.',
  )
}

function refuse(link: string, what: string, why: string, advice: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_LINK_USE', { link, what, why, advice })
}

/** `link` for one config: `const open = linksOf<typeof config>()`, then `await open('api')` has the type of that link. */
export function linksOf<Given>(): <Name extends LinkName<Given>>(name: Name) => Promise<EndOf<Given, Name>> {
  return name => link<Given, typeof name>(name)
}

function fail(name: string, known: readonly string[]): never {
  throw new IpcsupError('IPCSUP_ERR_NO_SUCH_END', { name, known: known.join(', ') || 'none' })
}
