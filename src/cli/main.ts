/**
 * The program: the only file that ends the process.
 */
import { IpcsupError } from '../errors.js'
import { runCommandLine } from './command-line.js'
import { openOutput } from './output.js'
import type { Outcome } from './verb.js'

const out = openOutput(1, { waits: true })
const err = openOutput(2, { waits: false })

process.on('exit', explainEarlyExit)
// No await here: the bundle is CommonJS.
void runCommandLine(process.argv.slice(2), out, err).then(end)

function end(outcome: Outcome): void {
  process.off('exit', explainEarlyExit)
  const judged = judgeOutput(outcome)
  // By the same signal, so that the shell that waits for us sees it (a loop in it ends, as for any other program).
  if (typeof judged !== 'object') process.exit(judged)
  else if ('signal' in judged) process.kill(process.pid, judged.signal)
  else process.exit(judged.status)
}

/** A config is code: it may end the process, or leave nothing that it could go on with. */
function explainEarlyExit(): void {
  err.write('ipcsup: Ended too early: the config calls process.exit(), or waits for something that never comes.\n')
  process.exitCode = 2
}

/** Half a schema in a file on a full disk must not look like success. */
function judgeOutput(outcome: Outcome): Outcome {
  if (outcome !== 0 || out.failure === null) return outcome
  const detail = { what: 'Writing the output', call: 'write', errno: out.failure }
  const { message, status } = new IpcsupError('IPCSUP_ERR_SYSTEM', detail)
  err.write(`ipcsup: ${message}\n`)
  return status
}
