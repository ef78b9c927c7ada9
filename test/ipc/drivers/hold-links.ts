// A supervisor that makes links and is then killed: opens the run of its first argument (a path that stands for its
// config), makes the links of the second (JSON) one after the other, prints their handles, and stays.
import { writeSync } from 'node:fs'
import { buildPlan } from '../../../src/config/build-plan.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { createLinks } from '../../../src/supervisor/host/links.js'
import { openRun } from '../../../src/supervisor/run/open.js'

const [configPath, links] = process.argv.slice(2)
const directory = configPath!.slice(0, configPath!.lastIndexOf('/'))
const { plan } = buildPlan(
  { links: JSON.parse(links!) },
  { kinds, directory, configPath: configPath!, isEmbedded: true },
)
const run = await openRun({ key: { configPath: configPath! }, name: plan.name, version: '0.0.0' })
const held = createLinks(plan, run, { onCall: () => {}, findOwner: () => null })
for (const name of Object.keys(plan.links)) held.open(name, 1)
writeSync(1, `${JSON.stringify(held.inspect())}\n`)
setInterval(() => {}, 1000)
