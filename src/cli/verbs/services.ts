import { locateSupervisor } from '../locate.js'
import { formatServices, listServices } from '../show/services.js'
import { formatJson, makePaint } from '../show/text.js'
import { sharedOptions, type Verb } from '../verb.js'

export const services: Verb = {
  options: [sharedOptions.config, sharedOptions.pid, sharedOptions.json],
  examples: [
    ['ipcsup services', 'shows every service, who serves it, and what can be called'],
    ['ipcsup services --json', 'has the calls of each instance so far, too'],
  ],
  async run(call) {
    const { controls } = await locateSupervisor(call)
    const listed = listServices(await controls.status())
    if (call.options.json === true) call.out.write(formatJson(listed))
    else call.out.write(formatServices(listed, makePaint(call.out.color)))
    return 0
  },
}
