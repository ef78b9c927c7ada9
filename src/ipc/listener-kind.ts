/** What the kinds that listen have in common. */
import type { Traits } from './kind.js'
import type { OptionField } from './options.js'

export const backlogOption = {
  about: 'Connections that may wait to be accepted; at most what /proc/sys/net/core/somaxconn says.',
  type: 'integer',
  min: 1,
  max: 2_147_483_647,
  required: false,
  default: 4096,
} as const satisfies OptionField

export const nonBlockingOption = {
  about: 'Given to every server with O_NONBLOCK set, for one that relies on it and does not set it, such as nginx.',
  type: 'boolean',
  required: false,
  default: false,
} as const satisfies OptionField

/** Of the connections: the listening end itself carries nothing. */
export function listenerTraits({ keepsBoundaries }: { readonly keepsBoundaries: boolean }): Traits {
  return {
    // With what the clients have written, until they are accepted.
    survivesRestart: true,
    showsPeerDeath: true,
    keepsBoundaries,
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: true,
    // A server waits for the next client for ever.
    showsEnd: false,
  }
}
