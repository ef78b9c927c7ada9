import { locateSupervisor } from '../locate.js'
import { sharedOptions, type Verb } from '../verb.js'

export const restart: Verb = {
  arguments: [['[name...]', 'processes to restart (default: all)']],
  options: [sharedOptions.config, sharedOptions.pid],
  examples: [['ipcsup restart parse', 'returns when the new parse was spawned; what is in its links is still there']],
  async run(call) {
    const { controls } = await locateSupervisor(call)
    await controls.restartProcesses(call.arguments)
    return 0
  },
}
