import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { cleanRuns, listRuns } from '../../src/supervisor/run/list.js'
import { until } from '../support/conditions.js'
import { type Block, type Page, readPages, repository, type Section } from '../support/documents.js'

/** A short path: sockets are bound below it. */
const root = mkdtempSync('/tmp/ipcsup-docs-')

/** What not every machine has. */
const programs = [
  '/usr/bin/curl',
  '/usr/bin/cc',
  '/usr/bin/python3',
  '/usr/bin/nc',
  '/usr/bin/php',
  '/usr/sbin/nginx',
  '/usr/sbin/php-fpm8.2',
  '/usr/bin/gunicorn',
  '/usr/sbin/lighttpd',
  '/usr/bin/redis-server',
]

afterAll(() => rmSync(root, { recursive: true, force: true }))

for (const page of readPages()) {
  const examples = page.sections.filter(section => section.blocks.some(({ purpose }) => purpose.type === 'run'))
  if (examples.length === 0) continue
  describe(page.path, () => {
    for (const section of examples) {
      const title = `${section.heading || 'the first example'}: the commands do what the page shows`
      const missing = findMissing(section)
      if (missing === null) test.concurrent(title, () => runExample(page, section))
      else test.skip(`${title} (there is no ${missing} here)`, () => {})
    }
  })
}

/** One of these that the example needs and that is not here; null: all are. */
function findMissing(section: Section): string | null {
  const text = section.blocks.map(block => block.text).join('')
  const needed = programs.filter(path => new RegExp(`\\b${basename(path)}\\b`).test(text))
  // Who gives up rights must have them.
  if (/\bsetpriv\b/.test(text) && process.getuid!() !== 0) return 'root'
  return needed.find(path => !existsSync(path)) ?? null
}

/** All blocks of a section, in order, in a directory of their own. */
async function runExample(page: Page, section: Section): Promise<void> {
  const sandbox = openSandbox()
  try {
    for (const [index, block] of section.blocks.entries()) {
      if (block.purpose.type === 'file') writeFile(sandbox.directory, block.purpose.path, block.text)
      if (block.purpose.type !== 'run') continue
      const next = section.blocks[index + 1]
      const ran = await runScript(block.text, sandbox)
      judge(`${page.path}:${block.line}`, block.purpose.status, next?.purpose.type === 'output' ? next : null, ran)
    }
    await until(`no supervisor of ${page.path}, ${section.heading} is left`, () => sandbox.listRuns().length === 0)
  } finally {
    await sandbox.close()
  }
}

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Throws what differs, with what the command said on stderr. */
function judge(at: string, status: number, output: Block | null, ran: Ran): void {
  const expected = output?.text ?? ''
  const isRight = ran.status === status && makePattern(expected).test(ran.out)
  if (isRight) return
  const parts = [`${at} does not do what the page shows`, `status ${ran.status}, expected ${status}`]
  throw new Error(
    [...parts, `--- expected\n${expected}`, `--- printed\n${ran.out}`, `--- stderr\n${ran.err}`].join('\n'),
  )
}

/** `…` is anything in a line; alone, any lines. */
function makePattern(expected: string): RegExp {
  const quote = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const lines = expected.split('\n').slice(0, -1)
  const patterns = lines.map(line =>
    line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(quote).join('[^\\n]*?')}\\n`,
  )
  return new RegExp(`^${patterns.join('')}$`)
}

function writeFile(directory: string, path: string, text: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), text)
}

interface Sandbox {
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  /** Pids of supervisors that were started here and have not removed their run directory. */
  listRuns(): readonly number[]
  close(): Promise<void>
}

let sandboxes = 0

function openSandbox(): Sandbox {
  const base = join(root, String(++sandboxes))
  const directory = join(base, 'project')
  for (const name of ['project/node_modules', 'runtime', 'state'])
    mkdirSync(join(base, name), { recursive: true, mode: 0o700 })
  symlinkSync(repository, join(directory, 'node_modules/ipcsup'))
  const environment = {
    ...process.env,
    XDG_RUNTIME_DIR: join(base, 'runtime'),
    XDG_STATE_HOME: join(base, 'state'),
    XDG_CACHE_HOME: join(root, 'cache'),
    PATH: `${join(repository, 'bin')}:${process.env['PATH']}`,
  }
  // Not `ipcsup ls` and `ipcsup clean`: they know every supervisor of this user, and most are none of the test's business.
  const where = { environment, temporary: base }
  const close = async () => {
    const alive = listRuns(where).filter(run => run.alive)
    for (const { pid } of alive) await runScript(`ipcsup stop --now --pid ${pid}`, { directory, environment })
    await cleanRuns(where)
    rmSync(base, { recursive: true, force: true })
  }
  return { directory, environment, listRuns: () => listRuns(where).map(run => run.pid), close }
}

function runScript(
  script: string,
  { directory, environment }: Pick<Sandbox, 'directory' | 'environment'>,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-e', '-c', script], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const text = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', chunk => {
      text.out += chunk
    })
    child.stderr.setEncoding('utf8').on('data', chunk => {
      text.err += chunk
    })
    child.once('error', reject)
    child.once('close', status => resolve({ status, ...text }))
  })
}
