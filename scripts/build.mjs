/**
 * Makes dist/: the bundles, the type declarations and the licences of what was bundled.
 *
 * commander and zod are bundled because every start needs them and start-up is a feature: `ipcsup check` of a JSON config
 * takes 104 ms bundled, 139 ms with the packages as installed (an empty Node program: 64 ms). Minifying gains nothing. The
 * other packages are loaded when first needed and stay as installed.
 *
 * Nothing is done when nothing changed since the last build; `--force` builds anyway.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changedAtMs, listFiles, root, runTool } from './lib.mjs'

const entries = {
  index: 'src/index.ts',
  child: 'src/child/index.ts',
  'log-worker': 'src/supervisor/logs/worker.ts',
}

const external = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies)

// CommonJS packages inside an ESM bundle call `require` for Node's own modules.
const banner =
  "import { createRequire as createRequireOfBundle } from 'node:module'\nconst require = createRequireOfBundle(import.meta.url)"

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  external,
  mainFields: ['module', 'main'],
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
}

// commander requires child_process for commands that are programs of their own, which ipcsup has none of; loading it takes
// 4 ms of every start.
const lateChildProcess = {
  name: 'late-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'late' } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'late' }, () => ({
      contents: "module.exports = { get spawn() { return require('node:child_process').spawn } }",
    }))
  },
}

const stampFile = join(root, 'dist/.stamp')

try {
  await main()
} catch (error) {
  console.error(`dist/ was not built: ${error.message}`)
  process.exitCode = 1
}

async function main() {
  const stamp = describeSources()
  if (!process.argv.includes('--force') && readStamp() === stamp) return
  const startedAt = Date.now()
  // Built beside and moved into place, so that an ipcsup that runs meanwhile finds its lazily loaded parts.
  const fresh = join(root, `dist.${process.pid}`)
  mkdirSync(fresh)
  try {
    // Both are waited for, whatever becomes of the other: they write to the folder that is removed below.
    const [bundled, declared] = await Promise.allSettled([bundle(fresh), declareTypes(fresh)])
    if (bundled.status === 'rejected') throw bundled.reason
    if (declared.value !== 0) throw new Error('the type declarations could not be made, see the errors above.')
    writeFileSync(join(fresh, 'THIRD-PARTY-LICENSES.txt'), collectLicences(bundled.value))
    writeFileSync(join(fresh, '.stamp'), stamp)
    replaceFolder(join(root, 'dist'), fresh)
    makeCodeCache()
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  console.log(`built dist/ in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
}

/** Path, size and time of everything that goes into dist/, as one short text. */
function describeSources() {
  const files = [
    ...listFiles('src'),
    ...['scripts/build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file} ${changedAtMs(file)}\n`)
  return hash.digest('hex')
}

function readStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : null
}

async function bundle(outdir) {
  const esbuild = await import('esbuild')
  const modules = await esbuild.build({
    ...common,
    entryPoints: entries,
    outdir,
    splitting: true,
    format: 'esm',
    banner: { js: banner },
    // Chunks lie beside the entries: `new URL('./log-worker.js', import.meta.url)` means the same in both.
    chunkNames: 'chunk-[hash]',
    sourcemap: 'linked',
    sourcesContent: false,
  })
  // One CommonJS file for the command line, since only a script can have a code cache (see bin/load.cjs).
  const program = await esbuild.build({
    ...common,
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    plugins: [lateChildProcess],
    charset: 'ascii',
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href" },
  })
  // A script that comes out of a code cache has lost its way to import(); bin/load.cjs passes its own in.
  const file = join(outdir, 'cli.cjs')
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(?<![.\w])import\(/g, 'importModule('))
  return { outputs: { ...modules.metafile.outputs, ...program.metafile.outputs } }
}

/** A first run of what matters leaves the code cache behind. */
function makeCodeCache() {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-build-'))
  const environment = { ...process.env, XDG_RUNTIME_DIR: directory, XDG_STATE_HOME: directory }
  writeFileSync(join(directory, 'ipcsup.config.json'), '{ "processes": { "one": { "command": "true" } } }')
  try {
    execFileSync(process.execPath, [join(root, 'bin/load.cjs'), 'start'], {
      cwd: directory,
      env: environment,
      stdio: 'pipe',
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function declareTypes(outdir) {
  return runTool('tsc', ['-p', 'tsconfig.build.json', '--outDir', join(outdir, 'types')])
}

/** The licence text of every package that a bundle has code of. */
function collectLicences(metafile) {
  const inBundle = Object.values(metafile.outputs).flatMap(output =>
    Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  )
  const folders = new Set(inBundle.flatMap(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  return [...folders]
    .sort()
    .map(describeLicence)
    .join(`\n${'-'.repeat(80)}\n\n`)
}

function describeLicence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const file = readdirSync(join(root, folder)).find(entry => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name} is bundled but has no licence file; keep it external.`)
  return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`
}

function replaceFolder(target, fresh) {
  const old = `${target}.old.${process.pid}`
  if (existsSync(target)) renameSync(target, old)
  renameSync(fresh, target)
  rmSync(old, { recursive: true, force: true })
}
