// Runs the processes of a config (JSON, first argument) one after the other in a host of its own; prints their stdout,
// then one JSON line with the exits and the warnings.
import { writeSync } from 'node:fs'
import { createTestHost } from '../../../support/host.js'

const host = createTestHost(JSON.parse(process.argv[2]!))
await host.openAll()
const exits = []
for (const name of Object.keys(host.plan.processes)) exits.push(await host.run(name))
await host.close()
for (const name of Object.keys(host.plan.processes)) writeSync(1, host.output(name))
const warnings = host.events.flatMap(event => (event.type === 'warning' ? event.message : []))
writeSync(1, `${JSON.stringify({ exits, warnings })}\n`)
await host[Symbol.asyncDispose]()
