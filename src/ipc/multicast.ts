/** Groups that datagrams are sent to, and the interfaces that they come by. */
import { networkInterfaces } from 'node:os'
import { parseListenAddress } from './listen-address.js'
import type { LinkOptions, OptionField, OptionProblem } from './options.js'

export const multicastOptions = {
  join: {
    about: 'Address of a multicast group: gets what is sent to it at the port of `listen`.',
    type: 'string',
    required: false,
    default: null,
  },
  interface: {
    about: 'Where the group is: name or address of an interface. Default: where the kernel would send to that group.',
    type: 'string',
    required: false,
    default: null,
  },
} as const satisfies Record<string, OptionField>

export interface Interface {
  readonly name: string
  readonly addresses: readonly string[]
}

/** By its name or one of its addresses. */
export function findInterface(wanted: string): Interface | null {
  return listInterfaces().find(({ name, addresses }) => name === wanted || addresses.includes(wanted)) ?? null
}

/** Those that have an address. */
export function listInterfaces(): Interface[] {
  return Object.entries(networkInterfaces()).map(([name, rows = []]) => ({
    name,
    addresses: rows.map(({ address }) => address),
  }))
}

/** 224.0.0.0/4, ff00::/8. */
function isMulticast(host: string): boolean {
  if (host.includes(':')) return /^ff[\da-f]{2}:[^%]*$/i.test(host) && parseListenAddress(`[${host}]:0`) !== null
  const first = Number(host.split('.')[0])
  return first >= 224 && first <= 239 && parseListenAddress(`${host}:0`) !== null
}

/** What is wrong with `join` and `interface` at an address that is right itself. */
export function checkMulticast({ join, interface: device }: LinkOptions, host: string | null): OptionProblem[] {
  if (typeof join !== 'string')
    return device === null ? [] : [{ option: 'interface', message: 'is for a group; say which in `join`.' }]
  if (!isMulticast(join))
    return [
      {
        option: 'join',
        message: `"${join}" is no address of a group. Give one of 224.0.0.0/4 or ff00::/8, as 239.1.2.3.`,
      },
    ]
  if (host === null || host === join || host === wildcardFor(join)) return []
  return [
    {
      option: 'listen',
      message: `nothing sent to the group ${join} comes to a socket at ${host}. Leave the host out: ':5000'.`,
    },
  ]
}

/** Every address of the machine, in the version of that group. */
export function wildcardFor(group: string): string {
  return group.includes(':') ? '::' : '0.0.0.0'
}
