/** Services under a real supervisor, by `ipcsup/child`. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const program = bundleProgram(join(import.meta.dirname, '../ipc/service/drivers/shop.ts'))
const run = (...words: readonly string[]) => [process.execPath, program, ...words]

let directory: string
let supervisor: Supervisor | null

beforeEach(() => {
  supervisor = null
  directory = mkdtempSync('/tmp/ipcsup-service-')
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  rmSync(directory, { recursive: true, force: true })
})

async function start(config: Config): Promise<void> {
  supervisor = createSupervisor({ logs: { directory: join(directory, 'logs') }, ...config }, { directory })
  await supervisor.start()
}

const read = (name: string): string => {
  const path = join(directory, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

const statusOf = async (name: string) => (await supervisor!.status()).processes.find(process => process.name === name)!

const often = { limit: 1000, within: '1m', initial: '1ms', max: '1ms' } as const

test('exactly once: every order is done once while the shop and its callers are killed', async () => {
  await start({
    links: { shop: { kind: 'service', guarantee: 'exactly-once', store: 'store' } },
    processes: {
      shop: {
        command: run('serve'),
        env: { KILL: '1' },
        links: { shop: 'serve' },
        restart: { policy: 'always', ...often },
      },
      first: {
        command: run('order', '40'),
        env: { KILL: '1' },
        links: { shop: 'call' },
        restart: { policy: 'on-failure', ...often },
      },
      second: {
        command: run('order', '40'),
        env: { KILL: '1' },
        links: { shop: 'call' },
        restart: { policy: 'on-failure', ...often },
      },
      look: {
        command: run('read'),
        links: { shop: 'call' },
        needs: { first: 'completed', second: 'completed' },
        stdout: { file: 'orders' },
      },
    },
  })
  await until('all is read', () => read('orders').endsWith('\n'))
  const expected = ['first', 'second'].flatMap(name =>
    Array.from({ length: 40 }, (_, index) => `item ${index + 1} for ${name}`),
  )
  expect(JSON.parse(read('orders')).sort()).toEqual(expected.sort())
  const restarts = await Promise.all(['shop', 'first', 'second'].map(async name => (await statusOf(name)).restarts))
  expect(restarts.every(count => count > 0)).toBe(true)
})

const canUnshare = spawnSync('unshare', ['-pf', 'true']).status === 0

test.skipIf(!canUnshare)(
  'a server and a caller in pid namespaces of their own find each other (needs unshare)',
  async () => {
    const apart = (...words: readonly string[]) => ['unshare', '-pf', ...run(...words)]
    await start({
      links: { shop: { kind: 'service', guarantee: 'exactly-once', store: 'store' } },
      processes: {
        shop: { command: apart('serve'), links: { shop: 'serve' }, restart: 'never' },
        // In memory at last, as far as they see each other.
        order: { command: apart('order', '100'), links: { shop: 'call' }, restart: 'never' },
        look: {
          command: run('read'),
          links: { shop: 'call' },
          needs: { order: 'completed' },
          stdout: { file: 'orders' },
        },
      },
    })
    await until('all is read', () => read('orders').endsWith('\n'))
    expect(JSON.parse(read('orders'))).toHaveLength(100)
  },
)

test('a server that is asked to stop finishes the calls that it has', async () => {
  await start({
    links: { shop: { kind: 'service', guarantee: 'exactly-once', store: 'store' } },
    processes: {
      shop: { command: run('serve'), links: { shop: 'serve' }, stdout: { file: 'served' } },
      ask: { command: run('slow', '300'), links: { shop: 'call' }, stdout: { file: 'said' } },
    },
  })
  await until('it has asked', () => read('said') === 'asked\n')
  await until('it has been begun', () => read('served') === 'begun\n')
  await supervisor!.process('shop').restart()
  await until('it was answered', () => read('said') !== 'asked\n')
  expect(read('said')).toBe('asked\ndone\n')
  await until('who has no more calls ends by itself', async () => (await statusOf('ask')).state === 'completed')
})
