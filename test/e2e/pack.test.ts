import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const project = mkdtempSync(join(tmpdir(), 'ipcsup-pack-'))
const installed = join(project, 'node_modules/ipcsup')

/** An app of somebody who has only the package. The two wrong lines must be refused by its types. */
const consumer = `
import { createSupervisor, defineConfig, IpcsupError, type Report } from 'ipcsup'

const config = defineConfig({
  links: { lines: { kind: 'pipe', capacity: '64KiB' } },
  processes: {
    say: { command: 'echo hello', stdout: 'lines' },
    hear: { command: ['cat'], stdin: 'lines', restart: { policy: 'on-failure', initial: '100ms' } },
  },
})

// @ts-expect-error There is no such kind.
defineConfig({ links: { lines: { kind: 'pip' } } })
// @ts-expect-error There is no such key.
defineConfig({ processes: { say: { comand: 'echo' } } })

export async function run(): Promise<Report> {
  await using supervisor = await createSupervisor(config)
  supervisor.on('state', ({ process, to }) => console.log(process, to))
  await supervisor.start()
  return supervisor.finished
}

export function isOurs(error: unknown): error is IpcsupError {
  return error instanceof IpcsupError
}
`

beforeAll(() => {
  const packed = npm(root, 'pack', '--json', '--pack-destination', project)
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('['))) as [{ filename: string }]
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  npm(project, 'install', '--no-audit', '--no-fund', `./${filename}`, `@types/node@${nodeTypes()}`)
}, 240_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the package, installed from its tarball into an empty project,', () => {
  test('runs a pipeline', () => {
    const output = execFileSync('npx', ['ipcsup', 'run', 'echo a b | wc -w'], { cwd: project, encoding: 'utf8' })
    expect(output.trim()).toBe('2')
  })

  test('has types that an app can be checked with, its own declarations included', () => {
    writeFileSync(join(project, 'app.ts'), consumer)
    const options = ['--strict', '--target', 'es2023', '--lib', 'es2023,esnext.disposable', '--types', 'node']
    const modules = ['--module', 'nodenext', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes']
    expect(typeCheck([...options, ...modules, '--noEmit', 'app.ts'])).toBe('')
  })

  test('can be imported by its two names', () => {
    const program =
      "await import('ipcsup/child'); const { defineConfig } = await import('ipcsup'); console.log(typeof defineConfig)"
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(output.trim()).toBe('function')
  })

  test('carries the licences of the code bundled into it', () => {
    const licences = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
    for (const name of ['commander', 'zod']) expect(licences).toMatch(new RegExp(`^${name} `, 'm'))
  })

  test('brings nothing but what it needs to run', () => {
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    expect(Object.keys(dependencies)).toEqual([
      'cosmiconfig',
      'execa',
      'jiti',
      'koffi',
      'msgpackr',
      'pidusage',
      'tree-kill',
    ])
  })
})

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What the compiler complains about; empty: nothing. */
function typeCheck(args: string[]): string {
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: project, encoding: 'utf8' })
  return stdout
}

function nodeTypes(): string {
  return JSON.parse(readFileSync(join(root, 'node_modules/@types/node/package.json'), 'utf8')).version
}
