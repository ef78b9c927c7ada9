/** Numbers of users and groups. */
import { readFileSync } from 'node:fs'
import type { OptionValue } from './kind.js'

/** Number of a user of /etc/passwd; a number stays as it is. Throws when there is no such user. */
export function findUser(user: OptionValue): number {
  return findNumber(user, '/etc/passwd')
}

/** Number of a group of /etc/group; a number stays as it is. Throws when there is no such group. */
export function findGroup(group: OptionValue): number {
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
