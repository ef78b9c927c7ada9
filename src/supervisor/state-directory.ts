/** Where logs are kept from one run to the next. */
import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * `$XDG_STATE_HOME/ipcsup`, or `~/.local/state/ipcsup`; null: this user has no home, as one that only a container knows.
 *
 * What is not absolute does not count, as the standard has it: it would be another place in each current directory.
 */
export function findStateDirectory(): string | null {
  const state = process.env['XDG_STATE_HOME']
  if (state !== undefined && isAbsolute(state)) return join(state, 'ipcsup')
  const home = findHome()
  return home === null ? null : join(home, '.local', 'state', 'ipcsup')
}

function findHome(): string | null {
  try {
    return [homedir(), userInfo().homedir].find(isAbsolute) ?? null
  } catch {
    return null
  }
}
