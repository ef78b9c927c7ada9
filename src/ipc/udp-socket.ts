/** The bound socket of a `udp` link: made, or refused with the reason. */
import { closeSync } from 'node:fs'
import {
  bindSocket,
  changeSocketOption,
  createInternetSocket,
  type InternetAddress,
  joinGroup,
  readInterfaceIndex,
  readSocketAddress,
} from '../platform/index.js'
import { explainBindFailure } from './bind-failure.js'
import { holdListener } from './held-listener.js'
import type { LinkObject, Where } from './kind.js'
import { keepZone, parseListenAddress } from './listen-address.js'
import { findInterface, listInterfaces, wildcardFor } from './multicast.js'
import type { LinkOptions } from './options.js'
import { askForReceiveBuffer, readDatagramFacts } from './receive-buffer.js'
import { errnoOf, refuseLink } from './refusal.js'

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeUdpSocket(options: LinkOptions, { link }: Where): LinkObject {
  const group = typeof options['join'] === 'string' ? options['join'] : null
  const wanted = findAddress(String(options['listen']), group)
  const descriptor = createSocket(link, wanted)
  try {
    // Programs that listen to one group at one port are no rivals: each gets all.
    if (group !== null) changeSocketOption(descriptor, 'reuseAddress', 1)
    if (options['reusePort'] === true) changeSocketOption(descriptor, 'reusePort', 1)
    askForReceiveBuffer(link, descriptor, options['receiveBuffer'])
    bind(link, descriptor, wanted)
    if (group !== null) join(link, descriptor, group, options['interface'])
    const bound = { ...readSocketAddress(descriptor), ...keepZone(wanted.host) }
    return holdListener({
      link,
      side: 'bind',
      descriptor,
      // Where to send, which for a group is not where it is bound.
      hint: group === null ? bound : { host: group, port: bound.port },
      readFacts: readDatagramFacts,
      removeName: () => {},
    })
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function findAddress(listen: string, group: string | null): InternetAddress {
  const { host, port } = parseListenAddress(listen)!
  return { host: host ?? (group === null ? '::' : wildcardFor(group)), port }
}

function createSocket(link: string, wanted: InternetAddress): number {
  try {
    return createInternetSocket(wanted.host.includes(':') ? 6 : 4, 'dgram')
  } catch (cause) {
    throw refuseLink(link, ...explainBindFailure(errnoOf(cause), { protocol: 'udp', ...wanted }), cause)
  }
}

function bind(link: string, descriptor: number, wanted: InternetAddress): void {
  try {
    bindSocket(descriptor, wanted)
  } catch (cause) {
    throw refuseLink(link, ...explainBindFailure(errnoOf(cause), { protocol: 'udp', ...wanted }), cause)
  }
}

function join(link: string, descriptor: number, group: string, device: unknown): void {
  const found = typeof device === 'string' ? findInterface(device) : null
  if (typeof device === 'string' && found === null) {
    const all = listInterfaces().map(({ name, addresses }) => `${name} (${addresses.join(', ')})`)
    throw refuseLink(link, `no interface has the name or address ${device}`, `There are: ${all.join('; ')}.`)
  }
  try {
    joinGroup(descriptor, group, found === null ? 0 : readInterfaceIndex(found.name))
  } catch (cause) {
    const where = found === null ? '' : ` at ${found.name}`
    throw refuseLink(
      link,
      `the group ${group} cannot be joined${where} (${errnoOf(cause)})`,
      found === null ? 'Say where it is with `interface`.' : 'Choose another `interface`.',
      cause,
    )
  }
}
