/**
 * The gate: a process that needs what posix_spawn cannot set (its umask, LISTEN_PID) starts as a shell that sets it and
 * becomes the command. The umask of the supervisor itself is never changed: its threads create files too.
 */

/** Shells set these themselves, or ignore what they inherit, or change how they run by them. */
const ofShells = [
  'IFS',
  'LINENO',
  'OPTIND',
  'PPID',
  'PS1',
  'PS2',
  'PS4',
  'SHELLOPTS',
  'BASHOPTS',
  'PWD',
  'OLDPWD',
  'SHLVL',
  '_',
]
/** Of these, what some shell adds to an environment that did not have it. */
const addedByShells = ['PWD', 'OLDPWD', 'SHLVL', '_']

export const gatePath = '/bin/sh'

export interface Gated {
  readonly argv: readonly string[]
  /** Variables that travel as arguments and must not be in the shell's environment. */
  readonly carried: readonly string[]
}

/**
 * @param path - of the command, resolved; has no `=`, by which `env` would take it for a variable
 * @param parameters - the argument vector without the command itself
 * @param umask - null: that of the supervisor
 * @param listens - it has listening ends, and must be told its pid with them
 * @param environment - all variables that the command must have. dash drops those whose names are no identifiers, so
 *   they are given to `env`, as are the shells' own
 */
export function wrapInGate(
  path: string,
  parameters: readonly string[],
  umask: number | null,
  listens: boolean,
  environment: ReadonlyMap<string, string>,
): Gated {
  const carried = [...environment.keys()].filter(
    name => ofShells.includes(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name),
  )
  const removed = addedByShells
    .filter(name => !environment.has(name))
    .map(name => `-u ${name} `)
    .join('')
  const limits = umask === null ? '' : `umask ${umask.toString(8).padStart(3, '0')}; `
  const pid = listens ? '"LISTEN_PID=$$" ' : ''
  const script = `${limits}exec /usr/bin/env ${removed}${pid}"$@"`
  const variables = carried.map(name => `${name}=${environment.get(name)}`)
  return { carried, argv: ['sh', '-c', script, 'sh', ...variables, path, ...parameters] }
}
