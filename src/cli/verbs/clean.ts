import { cleanRuns } from '../../supervisor/run/list.js'
import { describeReclaimed } from '../../supervisor/run/reclaim.js'
import { formatJson } from '../show/text.js'
import { sharedOptions, type Verb } from '../verb.js'

export const clean: Verb = {
  options: [sharedOptions.json],
  examples: [['ipcsup clean', 'ends the processes and removes the objects that killed supervisors left']],
  async run(call) {
    const { reclaimed, errors } = await cleanRuns()
    if (call.options.json === true) call.out.write(formatJson(reclaimed))
    else if (reclaimed.length === 0 && errors.length === 0) call.out.write('Nothing was left behind.\n')
    else for (const row of reclaimed) call.out.write(`${describeReclaimed(row)}\n`)
    if (errors.length > 0) throw errors[0]
    return 0
  },
}
