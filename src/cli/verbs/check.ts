import type { PlanResult } from '../../config/build-plan.js'
import { IpcsupError } from '../../errors.js'
import { describeWarning, loadPlan } from '../config.js'
import { formatJson, makePaint } from '../show/text.js'
import { type Call, type Outcome, sharedOptions, type Verb } from '../verb.js'

export const check: Verb = {
  options: [sharedOptions.config, { flags: '--strict', about: 'warnings make the exit status 2' }, sharedOptions.json],
  examples: [['ipcsup check', 'prints all problems and warnings at once; nothing is started']],
  async run(call) {
    try {
      const { plan, warnings } = await loadPlan(call)
      if (call.options.json === true) call.out.write(formatJson({ ok: true, problems: [], warnings }))
      else printGood(call, { plan, warnings })
      return call.options.strict === true && warnings.length > 0 ? 2 : 0
    } catch (error) {
      return printBad(call, error)
    }
  },
}

function printGood({ out }: Call, { plan, warnings }: PlanResult): void {
  const paint = makePaint(out.color)
  for (const warning of warnings) out.write(`${paint('warning', 'yellow')} ${describeWarning(warning)}\n`)
  const counts = `${count(plan.processes, 'process', 'processes')}, ${count(plan.links, 'link', 'links')}`
  out.write(`${paint('ok', 'green')} ${plan.name}: ${counts}\n`)
}

function count(record: object, one: string, more: string): string {
  const number = Object.keys(record).length
  return `${number} ${number === 1 ? one : more}`
}

/** As JSON an invalid config is an answer; as text it is the error that every other verb shows. */
function printBad(call: Call, error: unknown): Outcome {
  if (call.options.json !== true || !(error instanceof IpcsupError)) throw error
  const { problems } = error as { problems?: readonly { readonly path: string; readonly message: string }[] }
  call.out.write(formatJson({ ok: false, problems: problems ?? [{ path: '', message: error.message }], warnings: [] }))
  return error.status
}
