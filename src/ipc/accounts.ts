/** Numbers of users and groups. */
import { readFileSync } from 'node:fs'
import type { OptionValue } from './options.js'
import { errnoOf, type Refuse } from './refusal.js'

/** Number of a user of /etc/passwd; a number stays as it is. Throws when there is no such user. */
function findUser(user: OptionValue): number {
  return findNumber(user, '/etc/passwd')
}

/** Number of a group of /etc/group; a number stays as it is. Throws when there is no such group. */
function findGroup(group: OptionValue): number {
  return findNumber(group, '/etc/group')
}

/** Accounts of other sources (LDAP, systemd) have numbers too, which a config can give. */
function findNumber(name: OptionValue, file: string): number {
  if (typeof name === 'number') return name
  const row = readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .find(fields => fields[0] === name)
  if (row) return Number(row[2])
  throw Object.assign(new Error(`${name} is not in ${file}`), { code: `not in ${file}` })
}

/**
 * Gives a file to the `owner` and `group` of the options; what is not said stays (-1, as chown(2) has it).
 *
 * @param change - chown of that file
 * @throws what `refuse` makes, where that is not allowed or there is no such account
 */
export function changeOwner(
  { owner = null, group = null }: Readonly<Record<string, OptionValue>>,
  change: (user: number, group: number) => void,
  refuse: Refuse,
): void {
  if (owner === null && group === null) return
  try {
    change(owner === null ? -1 : findUser(owner), group === null ? -1 : findGroup(group))
  } catch (cause) {
    const wish = [owner, group].filter(name => name !== null).join(':')
    const why = `it cannot be given to ${wish} (${errnoOf(cause)})`
    throw refuse(why, 'Check `owner` and `group`, or run as root.', cause)
  }
}
