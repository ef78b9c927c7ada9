/** The listening socket of a `tcp` link: made, or refused with the reason. */
import { closeSync } from 'node:fs'
import {
  bindSocket,
  changeSocketOption,
  countWaitingTcp,
  createInternetSocket,
  type InternetAddress,
  listenAt,
  readSocketAddress,
} from '../platform/index.js'
import { explainBindFailure } from './bind-failure.js'
import { holdListener } from './held-listener.js'
import type { LinkObject, Where } from './kind.js'
import { keepZone, parseListenAddress } from './listen-address.js'
import type { LinkOptions } from './options.js'
import { errnoOf, refuseLink } from './refusal.js'

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeTcpListener(options: LinkOptions, where: Where): LinkObject {
  const { host, port } = parseListenAddress(String(options['listen']))!
  const descriptor = host === null ? listenEverywhere(port, options, where) : listen({ host, port }, options, where)
  return holdListener({
    link: where.link,
    side: 'listen',
    descriptor,
    nonBlocking: options['nonBlocking'] === true,
    hint: { ...readSocketAddress(descriptor), ...keepZone(host) },
    readFacts: open => ({ waiting: countWaitingTcp(open) }),
    removeName: () => {},
  })
}

/** One socket of IPv6 takes both; where the kernel has none, one of IPv4. */
function listenEverywhere(port: number, options: LinkOptions, where: Where): number {
  try {
    return listen({ host: '::', port }, options, where)
  } catch (error) {
    const lacksVersion6 = errnoOf((error as Error).cause) === 'EAFNOSUPPORT'
    if (!lacksVersion6 || options['ipv6Only'] === true) throw error
    return listen({ host: '0.0.0.0', port }, options, where)
  }
}

function listen(address: InternetAddress, options: LinkOptions, where: Where): number {
  let descriptor: number | null = null
  try {
    const version = address.host.includes(':') ? 6 : 4
    descriptor = createInternetSocket(version, 'stream')
    // A new supervisor binds although the connections of the former one are still in TIME_WAIT.
    changeSocketOption(descriptor, 'reuseAddress', 1)
    if (options['reusePort'] === true) changeSocketOption(descriptor, 'reusePort', 1)
    if (version === 6) changeSocketOption(descriptor, 'onlyVersion6', options['ipv6Only'] === true ? 1 : 0)
    bindSocket(descriptor, address)
    // Of two sockets with reuseAddress that are bound to one port the second is refused here.
    listenAt(descriptor, Number(options['backlog']))
    return descriptor
  } catch (cause) {
    if (descriptor !== null) closeSync(descriptor)
    const [why, advice] = explainBindFailure(errnoOf(cause), { protocol: 'tcp', ...address })
    throw refuseLink(where.link, why, advice, cause)
  }
}
