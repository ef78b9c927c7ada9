/**
 * Runs dist/cli.cjs with V8's code cache: compiling the command line anew is a fifth of the time in which a first process
 * is up. The cache is made by the build; one of another Node is made anew after the next `start` or `run`, where the
 * folder can be written to. (Node 22 has `module.enableCompileCache`; Node 20 has not.)
 */
const { readFileSync, renameSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const filename = join(__dirname, '../dist/cli.cjs')
const cacheFile = `${filename}.cache`

function readCache() {
  try {
    return readFileSync(cacheFile)
  } catch {
    return undefined // Not made yet.
  }
}

function writeCache(script) {
  try {
    const fresh = `${cacheFile}.${process.pid}`
    writeFileSync(fresh, script.createCachedData())
    renameSync(fresh, cacheFile)
  } catch {
    // Somebody else's folder: it goes on without.
  }
}

const cachedData = readCache()
// As Node wraps a CommonJS module. The bundle is ASCII, so latin1 reads the same and costs less.
const names = 'exports, require, module, __filename, __dirname, importModule'
const source = `(function (${names}) {${readFileSync(filename, 'latin1')}\n})`
const script = new Script(source, { filename, cachedData })
// Only what these two have run is worth keeping: a cache has the functions that were called.
if ((cachedData === undefined || script.cachedDataRejected) && ['start', 'run'].includes(process.argv[2]))
  process.on('exit', () => writeCache(script))

const bundle = { exports: {} }
const importModule = specifier => import(specifier)
script.runInThisContext()(bundle.exports, require, bundle, filename, join(__dirname, '../dist'), importModule)
