/** Installs what the benchmark compares with: Debian's packages, and npm's into bench/peers, never into this project. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canInstall, forBench, installPackages, missingPackages } from '../scripts/debian.mjs'
import { run } from '../scripts/lib.mjs'
import { peersFolder } from './harness.mjs'

const missing = missingPackages(forBench)
if (missing.length > 0 && canInstall()) await installPackages(missing)
else if (missing.length > 0)
  console.log(`Not installed (needs root on Debian): ${missing.join(' ')}. Their rows lack them.`)

mkdirSync(peersFolder, { recursive: true })
writeFileSync(join(peersFolder, 'package.json'), '{ "name": "peers", "private": true, "type": "module" }\n')
// None of them needs its install script: zeromq comes with its library built.
process.exitCode = await run(
  'npm',
  ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'pm2@7', 'execa@9', 'zeromq@6'],
  { cwd: peersFolder },
)
