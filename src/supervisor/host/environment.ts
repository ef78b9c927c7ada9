/**
 * Environments of children. What they all inherit from the supervisor is copied to native memory once; only what
 * differs is encoded at each spawn.
 */
import { readFileSync } from 'node:fs'
import { makeNativeStrings, type NativeStrings } from '../../platform/index.js'

/** What the supervisor's own supervisor told it is not meant for its children. */
const notInherited = /^(LISTEN_|WATCHDOG_|NODE_CHANNEL_|IPCSUP_|NOTIFY_SOCKET$)/

export interface BaseEnvironment {
  readonly values: ReadonlyMap<string, string>
  /** Address of `NAME=value`, by name. */
  readonly addresses: ReadonlyMap<string, bigint>
  /** Keeps that memory alive. */
  readonly memory: NativeStrings
}

/** null removes a variable. */
export type EnvironmentChanges = ReadonlyMap<string, string | null>

export interface NativeEnvironment {
  readonly inherited: readonly bigint[]
  readonly added: readonly string[]
}

/** @param environment - of the supervisor, as it is now; later changes are not seen */
export function makeBaseEnvironment(environment: NodeJS.ProcessEnv): BaseEnvironment {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !notInherited.test(name)) values.set(name, value)
  }
  const memory = makeNativeStrings(encodeVariables(values))
  const addresses = new Map([...values.keys()].map((name, index) => [name, memory.addresses[index]!]))
  return { values, addresses, memory }
}

export function composeEnvironment(base: BaseEnvironment, changes: EnvironmentChanges): NativeEnvironment {
  const inherited: bigint[] = []
  for (const [name, address] of base.addresses) if (!changes.has(name)) inherited.push(address)
  const added: string[] = []
  for (const [name, value] of changes) if (value !== null) added.push(`${name}=${value}`)
  return { inherited, added }
}

/** The value that a child will see. */
export function lookUpVariable(base: BaseEnvironment, changes: EnvironmentChanges, name: string): string | null {
  const change = changes.get(name)
  return change === undefined ? (base.values.get(name) ?? null) : change
}

/**
 * Node turns bytes that are no UTF-8 into U+FFFD. Variables that have one are looked up in what the kernel gave us, so
 * that a child sees the bytes that our parent set.
 */
function encodeVariables(values: ReadonlyMap<string, string>): (string | Buffer)[] {
  const isDamaged = [...values.values()].some(value => value.includes('\ufffd'))
  const raw = isDamaged ? readOwnEnvironment() : new Map<string, Buffer>()
  return [...values].map(([name, value]) => {
    const bytes = raw.get(name)
    const isSame = bytes?.toString('utf8') === `${name}=${value}`
    return isSame ? bytes : `${name}=${value}`
  })
}

function readOwnEnvironment(): Map<string, Buffer> {
  const rows = readFileSync('/proc/self/environ', 'latin1').split('\0')
  return new Map(rows.map(row => [row.slice(0, row.indexOf('=')), Buffer.from(row, 'latin1')]))
}
