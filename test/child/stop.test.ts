import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openNotificationSocket } from '../../src/platform/index.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const driver = bundleProgram(join(import.meta.dirname, 'drivers/stop.ts'))
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
})

/** Runs it until it says `up`, sends the signals (a later one once `begins` was said), and gives how it ended. */
async function stop(words: readonly string[], signals: readonly NodeJS.Signals[]) {
  const child = spawn(process.execPath, [driver, ...words], { stdio: 'pipe' })
  children.push(child)
  let [out, err] = ['', '']
  child.stdout!.on('data', chunk => {
    out += chunk
  })
  child.stderr!.on('data', chunk => {
    err += chunk
  })
  const closed = once(child, 'close')
  for (const [index, signal] of signals.entries()) {
    await until(`it is ready for ${signal}`, () => out.includes(index === 0 ? 'up' : 'begins'))
    child.kill(signal)
  }
  const [code, signal] = await closed
  return { said: out.trim().split('\n').slice(1), err, code, signal }
}

describe('onStop', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)('is done at %s, and the program ends with 0', async signal => {
    expect(await stop(['quick', 'stay'], [signal])).toEqual({ said: ['quick'], err: '', code: 0, signal: null })
  })

  test('waits for what takes longer, and for every job', async () => {
    expect(await stop(['slow', 'quick', 'stay'], ['SIGTERM'])).toMatchObject({
      said: ['begins', 'quick', 'slow'],
      code: 0,
    })
  })

  test('leaves the exit code that the program has chosen', async () => {
    expect(await stop(['quick', 'code', 'stay'], ['SIGTERM'])).toMatchObject({ said: ['quick'], code: 5 })
  })

  test.for([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ] as const)('%s and then %s ends a program that does not come to its end', async signals => {
    expect(await stop(['stuck', 'stay'], signals)).toMatchObject({ said: ['begins'], code: null, signal: signals[1] })
  })

  test('that fails ends the program as any error that nobody catches', async () => {
    const { code, err } = await stop(['wrong', 'stay'], ['SIGTERM'])
    expect(code).toBe(1)
    expect(err).toContain('cannot stop')
  })
})

describe('ready and status', () => {
  test.for([undefined, '', '/nowhere/notify.sock', '@ipcsup-nobody'])(
    'tell nobody and fail at nothing where NOTIFY_SOCKET is %j; nothing asked for keeps the program alive',
    NOTIFY_SOCKET => {
      const env = { ...process.env, NOTIFY_SOCKET }
      const { stdout, stderr, status } = spawnSync(process.execPath, [driver], {
        env,
        encoding: 'utf8',
        timeout: 120_000,
      })
      expect({ stdout, stderr, status }).toEqual({ stdout: 'false false\n', stderr: '', status: 0 })
    },
  )

  test('wait while the supervisor does not listen, and arrive whole and in order', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ipcsup-notify-'))
    const path = join(directory, 'notify')
    const socket = openNotificationSocket(path)
    try {
      const child = spawn(process.execPath, [driver, 'many'], {
        env: { ...process.env, NOTIFY_SOCKET: path },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(child)
      let out = ''
      child.stdout!.on('data', chunk => {
        out += chunk
      })
      const heard: string[] = []
      // More than the kernel keeps: it can only go on once we have read.
      await until('all is heard', () => {
        for (let next = socket.receive(); next; next = socket.receive()) heard.push(next.bytes!.toString())
        return heard.length === 600
      })
      await until('it says so', () => out === 'true\n')
      expect(heard).toEqual(Array.from({ length: 600 }, (_, number) => `STATUS=${number}`))
    } finally {
      socket.close()
      rmSync(directory, { recursive: true })
    }
  })
})
