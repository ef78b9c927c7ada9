import { parseTime, timeForm } from '../../config/units.js'
import { IpcsupError } from '../../errors.js'
import type { Controls } from '../../supervisor/controls.js'
import { locateSupervisor } from '../locate.js'
import { type Call, readValue, sharedOptions, type Verb, wrongUsage } from '../verb.js'

export const call: Verb = {
  arguments: [
    ['<link>', 'a link of kind signal that waits for calls; or a function of a service, as service.function'],
    ['[arguments...]', 'of the function: each is JSON where it can be read so, else text'],
  ],
  options: [
    sharedOptions.config,
    sharedOptions.pid,
    { flags: '--timeout <time>', about: 'of a function: wait no longer, such as 500ms; then the status is 1' },
  ],
  failure: 'the function failed, was not answered in time, or its fate is unknown',
  examples: [
    ['ipcsup call calc.add 10 20', 'calls the function add of the service calc, and prints its value'],
    ['ipcsup call --timeout 5s calc.add -- 10 -20', 'waits 5 seconds at most; after -- nothing is an option'],
    ['ipcsup call reload', 'sends the signal of link reload to the processes that it is for'],
  ],
  async run(call) {
    const [name, ...words] = call.arguments
    // Names of links have no dots.
    const dot = name!.indexOf('.')
    if (dot < 0) return raise(call, name!, words)
    const { callFunction } = await import('../service/call-function.js')
    const [service, method] = [name!.slice(0, dot), name!.slice(dot + 1)]
    return callFunction(call, { service, method, words, timeoutMs: readTimeout(call) })
  },
}

async function raise(call: Call, link: string, words: readonly string[]): Promise<0> {
  const { controls } = await locateSupervisor(call)
  const given = words[0] ?? (call.options['timeout'] === undefined ? undefined : '--timeout')
  if (given !== undefined) {
    await refuseService(call, controls, link)
    throw wrongUsage(call, `The call of a signal takes nothing more, got "${given}".`)
  }
  const processes = await controls.callLink(link).catch(async (error: unknown) => {
    if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_UNKNOWN_LINK')
      await refuseService(call, controls, link)
    throw error
  })
  if (processes.length === 0) call.err.write(`ipcsup: no process at "${link}" is running, so nobody got its signal\n`)
  return 0
}

/** Throws IPCSUP_ERR_USAGE when it is a service: a function of it must be said. */
async function refuseService(call: Call, controls: Controls, link: string): Promise<void> {
  const service = (await controls.status()).links.find(({ name }) => name === link)?.service
  if (service === undefined) return
  const functions = [...new Set(service.instances.flatMap(({ methods }) => Object.keys(methods)))]
  const known = functions.map(name => `${link}.${name}`).join(', ')
  const which = known === '' ? `such as ${link}.add` : `of ${known}`
  throw wrongUsage(call, `Link "${link}" is a service: say which of its functions, ${which}.`)
}

function readTimeout(call: Call): number | undefined {
  const text = readValue(call, 'timeout')
  if (text === undefined) return undefined
  const timeoutMs = parseTime(text)
  if (timeoutMs === null) throw wrongUsage(call, `--timeout must be ${timeForm}, got "${text}".`)
  return timeoutMs
}
