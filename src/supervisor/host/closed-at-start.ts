/**
 * Which of 0, 1 and 2 this program was started without, as with `>&-`: Node has opened /dev/null in their place, where
 * what is written is lost without an error.
 *
 * @param environment - where the launcher of the command line tells it. An app that embeds ipcsup has none
 */
export function isClosedAtStart(descriptor: number, environment: NodeJS.ProcessEnv): boolean {
  return environment[closedVariable]?.includes(String(descriptor)) === true
}

/** Not for programs whose descriptors are others. */
export const closedVariable = 'IPCSUP_CLOSED_FDS'
