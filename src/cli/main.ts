/**
 * The program: the only file that ends the process.
 */
import { runCommandLine } from './command-line.js'
import { openOutput } from './output.js'

const outcome = await runCommandLine(
  process.argv.slice(2),
  openOutput(1, { waits: true }),
  openOutput(2, { waits: false }),
)
// By the same signal, so that the shell that waits for us sees it (a loop in it ends, as for any other program).
if (typeof outcome === 'object') process.kill(process.pid, outcome.signal)
else process.exit(outcome)
