import { locateSupervisor } from '../locate.js'
import { sharedOptions, type Verb } from '../verb.js'

export const restart: Verb = {
  arguments: [['[name...]', 'processes to restart (default: all)']],
  options: [
    sharedOptions.config,
    sharedOptions.pid,
    { flags: '--rolling', about: 'one after the other, each once the one before is ready' },
  ],
  failure: 'with --rolling: one did not come back',
  examples: [
    ['ipcsup restart parse', 'returns when the new parse was spawned; what is in its links is still there'],
    ['ipcsup restart --rolling web', 'restarts the replicas of web in turn, so that there is always one that serves'],
  ],
  async run(call) {
    const { controls } = await locateSupervisor(call)
    if (call.options.rolling === true) await (await import('../rolling.js')).restartInTurn(controls, call.arguments)
    else await controls.restartProcesses(call.arguments)
    return 0
  },
}
