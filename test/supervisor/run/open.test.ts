import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { identify } from '../../../src/ipc/named-objects.js'
import { cleanRuns, listObjects, listRuns } from '../../../src/supervisor/run/list.js'
import { nameRunDirectory } from '../../../src/supervisor/run/name.js'
import { type OpenRunOptions, openRun } from '../../../src/supervisor/run/open.js'
import { readStartTime } from '../../../src/supervisor/run/processes.js'
import { describeReclaimed } from '../../../src/supervisor/run/reclaim.js'
import { until } from '../../support/conditions.js'

let base: string
let where: { environment: NodeJS.ProcessEnv; temporary: string }
const started: number[] = []

beforeEach(() => {
  base = mkdtempSync('/tmp/ipcsup-test-')
  mkdirSync(join(base, 'runtime'), { mode: 0o700 })
  where = { environment: { XDG_RUNTIME_DIR: join(base, 'runtime') }, temporary: base }
})

afterEach(() => {
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Ended already, as the test wanted.
    }
  }
  rmSync(base, { recursive: true, force: true })
})

const open = (options: Partial<OpenRunOptions> = {}) =>
  openRun({ key: { configPath: '/srv/orders.json' }, name: 'orders', version: '0', ...where, ...options })

/** A long sleep in a session of its own. */
async function startSleeper(environment: NodeJS.ProcessEnv = {}): Promise<{ pid: number; startTime: number }> {
  const child = spawn('sleep', ['1000'], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/bin:/usr/bin', ...environment },
  })
  await once(child, 'spawn')
  child.unref()
  started.push(child.pid!)
  return { pid: child.pid!, startTime: readStartTime(child.pid!)! }
}

/**
 * Leaves what a killed supervisor leaves: a directory with a ledger, and a lock that nobody holds.
 *
 * @returns the id of the dead run
 */
async function leaveDeadRun(
  leave: (run: Awaited<ReturnType<typeof openRun>>) => Promise<void> | void,
): Promise<string> {
  const run = await open()
  await leave(run)
  const copy = join(base, 'copy')
  mkdirSync(copy)
  writeFileSync(join(copy, 'ledger.jsonl'), readFileSync(join(run.directory, 'ledger.jsonl')))
  run.close()
  mkdirSync(run.directory, { mode: 0o700, recursive: true })
  writeFileSync(join(run.directory, 'ledger.jsonl'), readFileSync(join(copy, 'ledger.jsonl')))
  writeFileSync(join(run.directory, 'control.sock'), '')
  return run.id
}

function recordFile(run: Awaited<ReturnType<typeof openRun>>, path: string, link = 'lines'): void {
  writeFileSync(path, '')
  run.ledger.recordObject(link, identify('file', path)!)
}

describe('§16 the run directory', () => {
  test('is in the runtime directory of the user, private, and gone when the run is closed', async () => {
    const run = await open()
    expect(run.directory).toBe(join(base, 'runtime/ipcsup', nameRunDirectory({ configPath: '/srv/orders.json' })))
    expect(statSync(run.directory).mode & 0o777).toBe(0o700)
    run.close()
    expect(existsSync(run.directory)).toBe(false)
  })

  test('that somebody removed, and another run made again, is left to that run', async () => {
    const [run, other] = [await open(), await open().catch(() => null)]
    expect(other).toBeNull()
    rmSync(run.directory, { recursive: true })
    const next = await open()
    run.close()
    expect(readdirSync(next.directory)).toContain('ledger.jsonl')
    next.close()
    expect(existsSync(next.directory)).toBe(false)
  })

  test('has a short base of its own where there is no runtime directory', async () => {
    const run = await open({ environment: {} })
    expect(run.directory.startsWith(join(base, `ipcsup-${process.getuid!()}/`))).toBe(true)
    run.close()
  })

  test('is not made in a runtime directory that others may enter', async () => {
    chmodSync(join(base, 'runtime'), 0o755)
    const run = await open()
    expect(run.directory.startsWith(join(base, 'ipcsup-'))).toBe(true)
    run.close()
  })

  test('falls back to the short base when a socket path in it would have over 107 bytes', async () => {
    const long = join(base, 'x'.repeat(60))
    mkdirSync(long, { mode: 0o700 })
    const run = await open({ environment: { XDG_RUNTIME_DIR: long } })
    expect(run.directory.startsWith(join(base, 'ipcsup-'))).toBe(true)
    expect(Buffer.byteLength(join(run.directory, 'control.sock'))).toBeLessThanOrEqual(107)
    run.close()
  })

  test.each([
    ['a symbolic link', (path: string) => symlinkSync(base, path), /not a directory/],
    ['a file', (path: string) => writeFileSync(path, ''), /not a directory/],
    [
      'open to others',
      (path: string) => {
        mkdirSync(path)
        // Whatever the umask.
        chmodSync(path, 0o755)
      },
      /mode is 755/,
    ],
  ])('is refused when its base is %s', async (_what, make, why) => {
    make(join(base, `ipcsup-${process.getuid!()}`))
    await expect(open({ environment: {} })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_RUN_DIRECTORY',
      message: expect.stringMatching(why),
    })
  })

  test('depends on the real path of the config alone, and its name is readable and short', () => {
    const name = nameRunDirectory({ configPath: `/srv/${'my project '.repeat(5)}/a.json` })
    expect(name).toMatch(/^my_project_my_project_my-[0-9a-f]{16}$/)
    expect(nameRunDirectory({ configPath: '/srv/x/b.json' })).not.toBe(
      nameRunDirectory({ configPath: '/srv/x/a.json' }),
    )
    expect(nameRunDirectory({ pid: 12 })).toBe('run-12')
  })
})

describe('§16 the lock', () => {
  test('a second start of the same config is refused, with the pid and what to do', async () => {
    const run = await open()
    await expect(open({ name: 'renamed' })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_ALREADY_RUNNING',
      status: 2,
      message: expect.stringContaining(`pid ${process.pid}`),
    })
    run.close()
    ;(await open()).close()
  })

  test('another config runs beside it, and so do two runs without a config in one process', async () => {
    const key = { pid: process.pid }
    const runs = [await open(), await open({ key: { configPath: '/other' } }), await open({ key }), await open({ key })]
    expect(new Set(runs.map(run => run.directory)).size).toBe(4)
    expect(new Set(runs.map(run => run.id)).size).toBe(4)
    for (const run of runs) run.close()
    expect(readdirSync(join(base, 'runtime/ipcsup'))).toEqual([])
  })
})

describe('§16 a run whose supervisor was killed', () => {
  test('has its processes ended by pid and start time, and by their environment when they left the group', async () => {
    const listed = await startSleeper()
    const ids: number[] = []
    const id = await leaveDeadRun(run => {
      run.ledger.recordProcess('parse', listed.pid, listed.startTime)
      ids.push(listed.pid)
    })
    ids.push((await startSleeper({ IPCSUP_RUN: id })).pid)
    const run = await open()
    expect(run.reclaimed!.ended.map(({ pid }) => pid).sort()).toEqual(ids.sort())
    for (const pid of ids) expect(readStartTime(pid)).toBeNull()
    expect(describeReclaimed(run.reclaimed!)).toContain(`ended 2 of its processes: parse (${listed.pid})`)
    expect(existsSync(join(run.directory, 'control.sock'))).toBe(false)
    run.close()
  })

  test('a process that ignores SIGTERM gets SIGKILL', async () => {
    let pid = 0
    await leaveDeadRun(async run => {
      const child = spawn('/bin/sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1000; done'], {
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      await once(child.stdout!, 'data')
      child.stdout!.destroy()
      child.unref()
      pid = child.pid!
      started.push(pid)
      run.ledger.recordProcess('stubborn', pid, readStartTime(pid)!)
    })
    const run = await open({ stopTimeoutMs: 50 })
    expect(run.reclaimed!.ended.map(({ name }) => name)).toContain('stubborn')
    expect(readStartTime(pid)).toBeNull()
    run.close()
  })

  test('a process that has the pid of a dead one by now is left alone', async () => {
    const stranger = await startSleeper()
    await leaveDeadRun(run => run.ledger.recordProcess('parse', stranger.pid, stranger.startTime - 1))
    const run = await open()
    expect(run.reclaimed!.ended).toEqual([])
    expect(readStartTime(stranger.pid)).toBe(stranger.startTime)
    run.close()
  })

  test('has its objects removed, but not what somebody put in their place', async () => {
    const [ours, theirs] = [join(base, 'ours'), join(base, 'theirs')]
    await leaveDeadRun(run => {
      recordFile(run, ours)
      recordFile(run, theirs)
      writeFileSync(`${theirs}.new`, 'theirs')
      rmSync(theirs)
      writeFileSync(join(base, 'keeps-the-inode-busy'), '')
      writeFileSync(theirs, 'theirs')
    })
    const run = await open()
    expect(run.reclaimed!.removed).toEqual([ours])
    expect(existsSync(ours)).toBe(false)
    expect(readFileSync(theirs, 'utf8')).toBe('theirs')
    run.close()
  })

  test('has removed what it was just making, but nothing that was there before or came after it was gone', async () => {
    const [made, older, gone] = ['made', 'older', 'gone'].map(name => join(base, name)) as [string, string, string]
    writeFileSync(older, 'theirs')
    // The time that the file system stamps with is that of the kernel's last tick.
    await until('time has passed', () => Date.now() > lstatSync(older).birthtimeMs + 100)
    await leaveDeadRun(run => {
      for (const path of [made, older, gone])
        run.ledger.recordObject('data', { type: 'file', name: path, identity: null })
      writeFileSync(made, '')
      recordFile(run, gone, 'data')
      rmSync(gone)
      writeFileSync(join(base, 'keeps-the-inode-busy'), '')
      writeFileSync(gone, 'theirs')
    })
    const run = await open()
    expect(run.reclaimed!.removed).toEqual([made])
    expect([existsSync(made), existsSync(older), existsSync(gone)]).toEqual([false, true, true])
    run.close()
  })

  test('§13 an object at a path that the new run uses again is ours to take over, also after a second crash', async () => {
    const path = join(base, 'fifo')
    await leaveDeadRun(run => recordFile(run, path))
    const left = identify('file', path)!
    const run = await open({ keepPaths: [path] })
    expect(run.ledger.wasOurs(left)).toBe(true)
    expect(describeReclaimed(run.reclaimed!)).toContain(`left ${path}`)
    expect(run.ledger.wasOurs({ ...left, identity: `${left.identity}1` })).toBe(false)
    expect(readFileSync(join(run.directory, 'ledger.jsonl'), 'utf8')).toContain(JSON.stringify(path))
    run.close()
    expect(existsSync(path)).toBe(false)
  })

  test('§13 so is one that it had made but not yet recorded as made', async () => {
    const path = join(base, 'fifo')
    await leaveDeadRun(run => {
      run.ledger.recordObject('data', { type: 'file', name: path, identity: null })
      writeFileSync(path, '')
    })
    const run = await open({ keepPaths: [path] })
    expect(run.ledger.wasOurs(identify('file', path)!)).toBe(true)
    run.close()
    expect(existsSync(path)).toBe(false)
  })

  test('is not forgotten as long as something of it cannot be removed', async () => {
    // What `unlink` refuses, also for root.
    const stubborn = join(base, 'stubborn')
    mkdirSync(stubborn)
    await leaveDeadRun(run => run.ledger.recordObject('data', identify('file', stubborn)!))
    for (const _ of [1, 2]) {
      const { reclaimed, errors } = await cleanRuns(where)
      expect(reclaimed).toEqual([])
      expect(errors).toEqual([expect.objectContaining({ code: 'IPCSUP_ERR_NOT_REMOVED' })])
      expect(String(errors[0])).toContain(stubborn)
    }
    const run = await open()
    expect(run.close()?.message).toContain(stubborn)
    expect(listObjects(where).map(({ name }) => name)).toEqual([stubborn])
    rmdirSync(stubborn)
    expect((await cleanRuns(where)).errors).toEqual([])
    expect(listRuns(where)).toEqual([])
  })

  test('is shown as dead, cleaned on demand, and the living are left alone', async () => {
    const sleeper = await startSleeper()
    await leaveDeadRun(run => run.ledger.recordProcess('parse', sleeper.pid, sleeper.startTime))
    // The ledger names this process, which lives: make it one that does not.
    const [directory] = listRuns(where).map(run => run.directory)
    const ledger = join(directory!, 'ledger.jsonl')
    writeFileSync(ledger, readFileSync(ledger, 'utf8').replace(`"pid":${process.pid}`, '"pid":4000000'))
    const other = await open({ key: { configPath: '/other' }, name: 'other' })
    expect(listRuns(where).map(({ name, alive, configPath }) => ({ name, alive, configPath }))).toEqual([
      { name: 'orders', alive: false, configPath: '/srv/orders.json' },
      { name: 'other', alive: true, configPath: '/other' },
    ])
    const { reclaimed, errors } = await cleanRuns(where)
    expect(errors).toEqual([])
    expect(reclaimed.map(({ ended }) => ended.map(({ name }) => name))).toEqual([['parse']])
    expect(listRuns(where).map(({ name }) => name)).toEqual(['other'])
    other.close()
  })

  test('a row that was cut by a full disk does not hide the others', async () => {
    const sleeper = await startSleeper()
    await leaveDeadRun(run => run.ledger.recordProcess('parse', sleeper.pid, sleeper.startTime))
    const ledger = join(listRuns(where)[0]!.directory, 'ledger.jsonl')
    writeFileSync(ledger, `${readFileSync(ledger, 'utf8')}{"started":{"proc`)
    const run = await open()
    expect(run.reclaimed!.ended.map(({ name }) => name)).toEqual(['parse'])
    run.close()
  })
})
