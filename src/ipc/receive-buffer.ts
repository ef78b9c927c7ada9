/** What waits in a socket that datagrams come to. */
import { readFileSync } from 'node:fs'
import { changeSocketOption, pollNow, readSocketOption } from '../platform/index.js'
import type { LinkFacts } from './kind.js'
import type { OptionField } from './options.js'
import { refuseLink } from './refusal.js'

export const receiveBufferOption = {
  about:
    'Bytes that may wait, overhead of the kernel included; what comes then is dropped. An error if it grants less.',
  type: 'size',
  required: false,
  default: null,
} as const satisfies OptionField

/** @throws IPCSUP_ERR_LINK_CREATE when the kernel grants less than `bytes`; null: as it is */
export function askForReceiveBuffer(link: string, descriptor: number, bytes: unknown): void {
  if (typeof bytes !== 'number') return
  changeSocketOption(descriptor, 'receiveBuffer', Math.min(bytes, 2 ** 31 - 1))
  // The kernel doubles what it is asked for, to have room for its overhead.
  const granted = readSocketOption(descriptor, 'receiveBuffer') / 2
  if (granted >= bytes) return
  const limit = '/proc/sys/net/core/rmem_max'
  throw refuseLink(
    link,
    `the kernel grants a receive buffer of ${granted} bytes, not ${bytes}`,
    `Lower its \`receiveBuffer\`, or raise ${limit} (${readFileSync(limit, 'utf8').trim()}).`,
  )
}

/** Of datagrams the kernel counts the first only: how many bytes wait is known when there is none. */
export function readDatagramFacts(descriptor: number): LinkFacts {
  return {
    queuedBytes: pollNow(descriptor).readable ? null : 0,
    capacityBytes: readSocketOption(descriptor, 'receiveBuffer'),
  }
}
