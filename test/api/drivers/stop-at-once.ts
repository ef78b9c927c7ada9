// Starts a supervisor and stops it in the same turn, awaiting neither: the program ends by itself. Prints the report.
import { writeSync } from 'node:fs'
import { createSupervisor } from '../../../src/index.js'

const supervisor = createSupervisor({ processes: { one: { command: 'sleep 1000' } } }, { directory: '/tmp' })
void supervisor.start()
void supervisor.stop()
void supervisor.finished.then(({ ok, processes }) => writeSync(1, `${ok} ${processes[0]!.startedAt}`))
