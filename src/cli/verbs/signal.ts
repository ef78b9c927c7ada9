import { constants } from 'node:os'
import { IpcsupError } from '../../errors.js'
import { suggest } from '../../nearest.js'
import { locateSupervisor } from '../locate.js'
import { sharedOptions, type Verb } from '../verb.js'

export const signal: Verb = {
  arguments: [
    ['<signal>', 'such as HUP, SIGUSR1 or 10'],
    ['<name...>', 'processes whose whole groups get it'],
  ],
  firstChoices: Object.keys(constants.signals).map(name => name.slice('SIG'.length)),
  options: [sharedOptions.config, sharedOptions.pid],
  examples: [['ipcsup signal HUP web', 'sends SIGHUP to web and to what it has started']],
  async run(call) {
    const [given, ...names] = call.arguments
    const name = nameSignal(given!)
    const { controls } = await locateSupervisor(call)
    await controls.signalProcesses(names, name)
    return 0
  },
}

/** @throws IPCSUP_ERR_USAGE when there is no such signal */
export function nameSignal(given: string): string {
  const upper = given.toUpperCase()
  const wanted = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const found = Object.entries(constants.signals).find(([name, number]) => name === wanted || String(number) === given)
  if (found) return found[0]
  const what = `There is no signal "${given}".${suggest(wanted, Object.keys(constants.signals), 1)}`
  throw new IpcsupError('IPCSUP_ERR_USAGE', { what, verb: 'signal' })
}
