/** The socket of somebody else's server, which a `unix` link with `existing` connects to. Nothing of it is ours. */
import { statSync } from 'node:fs'
import { holdListener } from './held-listener.js'
import type { Hint, LinkObject, Where } from './kind.js'
import type { LinkOptions } from './options.js'
import { errnoOf, refuseLink } from './refusal.js'
import { describeType, findAbstract } from './unix-conflict.js'

/** @throws IPCSUP_ERR_LINK_CREATE when there is none */
export function attachUnixListener(options: LinkOptions, { link }: Where): LinkObject {
  const { path, abstract } = options
  const fault = typeof abstract === 'string' ? findFaultOfName(abstract) : findFaultOfPath(String(path))
  if (fault !== null) throw refuseLink(link, fault, 'Start its server first, or leave out `existing`.')
  const hint: Hint = typeof abstract === 'string' ? { name: `@${abstract}` } : { path: String(path) }
  return holdListener({
    link,
    side: 'connect',
    descriptor: null,
    hint,
    readFacts: () => ({}),
    removeName: () => {},
  })
}

function findFaultOfName(name: string): string | null {
  return findAbstract(name) === null ? `no socket has the abstract name @${name}` : null
}

function findFaultOfPath(path: string): string | null {
  try {
    const found = statSync(path)
    return found.isSocket() ? null : `${path} is ${describeType(found)}, not a socket`
  } catch (error) {
    return `there is no socket ${path} (${errnoOf(error)})`
  }
}
