import { loadPlan } from '../config.js'
import { formatPlan, hideEnvironment } from '../show/plan.js'
import { formatJson, makePaint } from '../show/text.js'
import { sharedOptions, type Verb, wrongUsage } from '../verb.js'

export const plan: Verb = {
  options: [
    sharedOptions.config,
    sharedOptions.json,
    { flags: '--show-env', about: 'with --json: print the values of `env` too, secrets included' },
  ],
  examples: [
    ['ipcsup plan', 'prints commands, descriptors and the restart values in force'],
    ['ipcsup plan --json', 'prints the Plan as the supervisor has it, the values of `env` hidden'],
  ],
  async run(call) {
    if (call.options.showEnv === true && call.options.json !== true) throw wrongUsage(call, '--show-env is for --json.')
    const loaded = (await loadPlan(call)).plan
    if (call.options.json !== true) call.out.write(formatPlan(loaded, makePaint(call.out.color)))
    else call.out.write(formatJson(call.options.showEnv === true ? loaded : hideEnvironment(loaded)))
    return 0
  },
}
