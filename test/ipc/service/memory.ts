/** Connections of a service that go on in memory. */
import { readFileSync } from 'node:fs'
import { tuning } from '../../../src/ipc/service/connection.js'
import type { CallingEnd } from '../../../src/ipc/service/end.js'

/** How many rings this program has mapped. */
export const countRings = (): number =>
  readFileSync('/proc/self/maps', 'utf8').split('/memfd:ipcsup-service ').length - 1

const mostCalls = 10

/** Calls `where` until what is said to and fro goes through memory. */
export async function goOnInMemory(end: CallingEnd): Promise<void> {
  tuning.callsBeforeRing = 1
  // The offer follows the first call; its acceptance comes with the first answer. An instance may die meanwhile.
  for (let calls = 0; calls < 2 || (calls < mostCalls && countRings() === 0); calls++) await end.call('where', [])
  if (countRings() === 0) throw new Error('The connection is still at the socket')
}
