/**
 * Makes a fresh clone ready: outside packages, then dist/. With `--test` also the Debian packages that tests need.
 * Quick when nothing is to be done. Runs before `npm start` and `npm test`, so it may use nothing but Node itself.
 */
import { canInstall, forTests, installPackages, missingPackages } from './debian.mjs'
import { changedAtMs, run } from './lib.mjs'

await installNodePackages()
if (process.argv.includes('--test')) await offerDebianPackages()
process.exitCode = await run(process.execPath, ['scripts/build.mjs'])

async function installNodePackages() {
  const installedAtMs = changedAtMs('node_modules/.package-lock.json')
  if (installedAtMs !== null && installedAtMs >= changedAtMs('package-lock.json')) return
  const npm = process.env['npm_execpath']
  const [command, ...first] = npm === undefined ? ['npm'] : [process.execPath, npm]
  const status = await run(command, [...first, 'ci', '--no-audit', '--no-fund'])
  if (status !== 0) process.exit(status)
}

async function offerDebianPackages() {
  const missing = missingPackages(forTests)
  if (missing.length === 0) return
  const isWanted = process.env['CI'] === 'true' || process.env['IPCSUP_TEST_INSTALL'] === '1'
  if (isWanted && canInstall()) return installPackages(missing)
  console.log(`Not installed: ${missing.join(' ')}. Tests that need them are skipped. To run them too:`)
  console.log(`  sudo apt-get install --no-install-recommends ${missing.join(' ')}`)
}
