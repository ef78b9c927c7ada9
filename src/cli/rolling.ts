/** Restarting one process after the other, so that the others serve meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import { IpcsupError } from '../errors.js'
import type { Controls, ProcessStatus } from '../supervisor/controls.js'
import { chooseNames } from '../supervisor/lookup.js'

// A look costs the supervisor a millisecond or so; what is waited for takes longer.
const lookMs = 50

/**
 * Restarts processes in turn, each once the one before is up: ready where it says that, else spawned.
 *
 * @param names - as of the command line; none: all
 * @throws IPCSUP_ERR_UNKNOWN_PROCESS; IPCSUP_ERR_NOT_UP for the first that does not come back: those after it stay as they are
 */
export async function restartInTurn(controls: Controls, names: readonly string[]): Promise<void> {
  const plan = await controls.plan()
  for (const name of chooseNames(names, Object.keys(plan.processes))) {
    await controls.restartProcesses([name])
    const saysReady = plan.processes[name]!.ready !== null
    await waitUntilUp(controls, name, saysReady ? ['ready'] : ['running', 'ready', 'completed'])
  }
}

async function waitUntilUp(controls: Controls, name: string, up: readonly ProcessStatus['state'][]): Promise<void> {
  for (;;) {
    const { state, note } = (await controls.status()).processes.find(row => row.name === name)!
    if (up.includes(state)) return
    if (state === 'failed' || state === 'completed' || state === 'parked')
      throw new IpcsupError('IPCSUP_ERR_NOT_UP', { name, state, note: note === null ? '' : ` (${note})` })
    await delay(lookMs)
  }
}
