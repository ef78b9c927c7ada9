/** The socket of a `raw` link: made, or refused with the reason. */
import { closeSync } from 'node:fs'
import { execPath } from 'node:process'
import { createInternetSocket } from '../platform/index.js'
import { holdListener } from './held-listener.js'
import type { LinkObject, Where } from './kind.js'
import type { LinkOptions, OptionValue } from './options.js'
import { askForReceiveBuffer, readDatagramFacts } from './receive-buffer.js'
import { errnoOf, refuseLink } from './refusal.js'

/** Numbers of the protocols that are used above IP (iana.org/assignments/protocol-numbers). */
export const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  sctp: 132,
}

/** Whether the packets are those of IPv6. */
export function isVersion6({ protocol, ipv6 }: LinkOptions): boolean {
  return typeof ipv6 === 'boolean' ? ipv6 : numberOf(protocol) === protocols['icmp6']
}

/** undefined: there is no protocol of that name. */
export function numberOf(protocol: OptionValue | undefined): number | undefined {
  return typeof protocol === 'number' ? protocol : protocols[String(protocol)]
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeRawSocket(options: LinkOptions, { link }: Where): LinkObject {
  const descriptor = openRaw(link, options)
  try {
    askForReceiveBuffer(link, descriptor, options['receiveBuffer'])
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return holdListener({
    link,
    side: 'bind',
    descriptor,
    hint: {},
    readFacts: readDatagramFacts,
    removeName: () => {},
  })
}

function openRaw(link: string, options: LinkOptions): number {
  try {
    return createInternetSocket(isVersion6(options) ? 6 : 4, 'raw', numberOf(options['protocol'])!)
  } catch (cause) {
    throw refuseLink(link, ...explainFailure(errnoOf(cause)), cause)
  }
}

function explainFailure(errno: string): [why: string, advice: string] {
  if (errno === 'EPERM')
    return [
      'a raw socket needs the capability CAP_NET_RAW, which this user does not have',
      'Run ipcsup as root (its processes need no right for it), or with that capability: AmbientCapabilities=CAP_NET_RAW ' +
        `of systemd, or \`setcap cap_net_raw=+ep ${execPath}\` for all that this Node runs.`,
    ]
  if (errno === 'EAFNOSUPPORT') return ['this system has no IPv6', 'Say `ipv6: false`.']
  if (errno === 'EPROTONOSUPPORT') return ['the kernel has no such protocol', 'Choose another `protocol`.']
  return [`the kernel refuses it (${errno})`, 'Choose another `protocol`.']
}
