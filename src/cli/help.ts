/**
 * What the help says beside verbs and options, and what is said of a command line that is wrong.
 */
import { fileURLToPath } from 'node:url'
import { findPackage } from '../version.js'
import { nameVerbHere } from './verbs.js'

/** @param failure - what 1 means */
export function describeStatuses(failure = 'a process failed'): string {
  return `
Exit status:
  0  done
  1  ${failure}
  2  wrong usage, or something wrong in the config
  3  there is no such supervisor
  4  the system refused something
`
}

/** After the list of verbs. */
export function makeOverview(): string {
  return `
Begin with \`ipcsup init && ipcsup start\`, or \`ipcsup run 'a | b'\`; \`ipcsup <verb> --help\` explains one verb.
${describeStatuses()}
Manual: ${fileURLToPath(new URL('docs/index.md', findPackage()))}
`
}

/**
 * commander's `error: unknown option '--foo'\n(Did you mean --food?)` as we say it.
 *
 * @param surplus - what may have been meant by an option that there is none of
 */
export function describeWrongUsage(text: string, surplus = ''): string {
  const [what, guess] = text
    .trim()
    .replace(/^error: /, '')
    .replace('unknown command', 'unknown verb')
    .split('\n')
  const verb = /^unknown verb '(.*)'/.exec(what!)?.[1]
  const here = verb === undefined ? null : nameVerbHere(verb)
  const hint =
    here !== null
      ? `Here that is \`ipcsup ${here}\`.`
      : (guess?.slice(1, -1) ?? (what!.startsWith('unknown option') ? surplus : ''))
  return `${what![0]!.toUpperCase()}${what!.slice(1).replace(/\.$/, '')}.${hint === '' ? '' : ` ${hint}`}`
}
