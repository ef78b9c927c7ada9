import { explainBraces } from '../braces.js'
import type { CommandConfig, ProcessConfig } from '../define.js'
import type { PlannedHooks } from '../plan.js'
import { LineError } from '../shell-syntax.js'
import { splitWords } from '../words.js'
import type { Scope } from './scope.js'

// What is said of a command that could not be read, so that the rest of its process can still be looked at.
const nothing: readonly string[] = ['true']

/** The argument vector of a command, as texts with their placeholders. Never empty. */
export function expandCommand(scope: Scope, command: CommandConfig, isShell: boolean, path: string): readonly string[] {
  if (isShell) return expandShell(scope, command, path)
  const words = typeof command === 'string' ? splitOrReport(scope, command, path) : command
  if (words[0] === '') scope.findings.report(path, 'starts with an empty word: there is no command.')
  return words
}

function expandShell(scope: Scope, command: CommandConfig, path: string): readonly string[] {
  if (typeof command === 'string') return ['/bin/sh', '-c', command]
  scope.findings.report(
    path,
    'is a list, and with shell: true it must be a string. Leave shell out, or write one string.',
  )
  return nothing
}

function splitOrReport(scope: Scope, command: string, path: string): readonly string[] {
  return readLine(scope, path, command, splitWords) ?? nothing
}

/** What `read` gives, or null after reporting what it found wrong in the line. */
export function readLine<Result>(
  scope: Scope,
  path: string,
  line: string,
  read: (line: string) => Result,
): Result | null {
  try {
    const result = read(line)
    for (const warning of explainBraces(line)) scope.findings.warn(path, warning)
    return result
  } catch (error) {
    if (!(error instanceof LineError)) throw error
    scope.findings.report(path, error.message)
    return null
  }
}

/** Commands at events: placeholders mean nothing there, hooks have no links. */
export function expandHooks(scope: Scope, given: ProcessConfig, path: string): PlannedHooks {
  const expand = (name: keyof PlannedHooks) => {
    const command = given[name]
    return command === undefined ? null : expandCommand(scope, command, false, `${path}.${name}`)
  }
  return { onStart: expand('onStart'), onExit: expand('onExit'), onGiveUp: expand('onGiveUp') }
}
