import { locateSupervisor } from '../locate.js'
import { sharedOptions, type Verb } from '../verb.js'

export const call: Verb = {
  arguments: [['<link>', 'a link of kind signal that waits for calls']],
  options: [sharedOptions.config, sharedOptions.pid],
  examples: [['ipcsup call reload', 'sends the signal of link reload to the processes that it is for']],
  async run(call) {
    const [link] = call.arguments
    const { controls } = await locateSupervisor(call)
    const processes = await controls.callLink(link!)
    if (processes.length === 0) call.err.write(`ipcsup: no process at "${link}" is running, so nobody got its signal\n`)
    return 0
  },
}
