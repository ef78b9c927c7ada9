import type { Controls } from './controls.js'
import type { ProcessHandle } from './supervisor.js'

/** What can be asked of one process: the controls of its supervisor, with its name filled in. */
export function makeProcessHandle(controls: Controls, name: string): ProcessHandle {
  return {
    name,
    status: async () => (await controls.status()).processes.find(row => row.name === name)!,
    start: () => controls.startProcesses([name]),
    stop: ({ end = false } = {}) => controls.stopProcesses([name], { end }),
    restart: () => controls.restartProcesses([name]),
    signal: signal => controls.signalProcesses([name], signal),
  }
}
