/** Why a socket of the network could not be bound, and what to do about it. */
import { readFileSync } from 'node:fs'
import { formatAddress } from './handoff.js'
import { describePortOwner } from './port-owner.js'

interface Wanted {
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
}

/** @param errno - of `socket`, `bind` or `listen` */
export function explainBindFailure(errno: string, wanted: Wanted): [why: string, advice: string] {
  const { host, port } = wanted
  const address = formatAddress({ host, port })
  switch (errno) {
    case 'EADDRINUSE':
      return [`${address} is taken${describeOwner(wanted)}`, 'End it, or choose another port in `listen`.']
    case 'EACCES':
      return explainPrivilege(port)
    case 'EADDRNOTAVAIL':
      return [`this machine has no address ${host}`, 'Give one that `ip address` shows, or leave the host out for all.']
    case 'EINVAL':
      return [
        `${address} is an address of IPv6 that means something only together with a network interface`,
        'Name it, as in `[fe80::1%eth0]:8080`, or leave the host out for all.',
      ]
    case 'ENODEV':
      return [`this machine has no network interface ${host.split('%')[1]}`, 'Give one that `ip address` shows.']
    case 'EAFNOSUPPORT':
      return ['this system has no IPv6', 'Give an address of IPv4 in `listen`.']
    default:
      return [`it cannot listen at ${address} (${errno})`, 'Choose another address in `listen`.']
  }
}

function describeOwner({ protocol, host, port }: Wanted): string {
  const owner = describePortOwner(protocol, host, port)
  return owner.startsWith(` by process ${process.pid} `) ? ' by another link of this supervisor' : owner
}

function explainPrivilege(port: number): [why: string, advice: string] {
  const first = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim()
  return [
    `port ${port} is privileged: only root may listen at ports below ${first}`,
    `Choose a port from ${first} on, or allow it for all with \`sysctl net.ipv4.ip_unprivileged_port_start=${port}\`, ` +
      `or for this Node with \`setcap cap_net_bind_service=+ep ${process.execPath}\`.`,
  ]
}
