/** A defect of ipcsup itself: what becomes of an app that embeds it, and of what it supervises. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Config, createSupervisor, IpcsupError, type Supervisor } from '../../src/index.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import type { ProcessEvent } from '../../src/supervisor/brain/events.js'
import { transitions } from '../../src/supervisor/brain/transitions.js'
import type { ProcessState } from '../../src/supervisor/controls.js'
import { isAlive, readProcess } from '../../src/supervisor/host/proc.js'
import { listRuns } from '../../src/supervisor/run/list.js'

let directory: string
const restore: (() => void)[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-fault-'))
})

afterEach(() => {
  for (const undo of restore.splice(0)) undo()
  rmSync(directory, { recursive: true, force: true })
})

function make(config: Config): Supervisor {
  return createSupervisor({ name: 'api', logs: { directory: join(directory, 'logs') }, ...config }, { directory })
}

/** The table says that this cannot be: the brain throws when it comes. */
function breakTable(state: ProcessState, event: ProcessEvent): void {
  const cells = transitions[state] as Record<string, unknown>
  const before = cells[event]
  cells[event] = 'impossible'
  restore.push(() => {
    cells[event] = before
  })
}

const work = (): Config => ({
  links: { lines: { kind: 'fifo', path: 'lines.fifo' } },
  processes: {
    tail: { command: 'sleep 1000', links: { lines: 'write' } },
    web: { command: 'sleep 1000', restart: 'never' },
  },
})

const pidOf = async (supervisor: Supervisor, name: string) => (await supervisor.process(name).status()).pid!
const isGone = (pid: number) => !isAlive(readProcess(pid))

const fault = (what: string) =>
  expect.objectContaining({
    code: 'IPCSUP_ERR_INTERNAL',
    message: expect.stringContaining(`"web" is ${what}`),
    cause: expect.objectContaining({ stack: expect.stringContaining('machine.ts') }),
  })

test('a defect in a decision ends everything, and rejects `finished` with where it is', async () => {
  const supervisor = make(work())
  const warnings: string[] = []
  supervisor.on('warning', message => warnings.push(message))
  await supervisor.start()
  const [tail, web] = [await pidOf(supervisor, 'tail'), await pidOf(supervisor, 'web')]
  breakTable('running', 'broke')
  process.kill(web, 'SIGKILL')
  const error = await supervisor.finished.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(IpcsupError)
  expect(error).toEqual(fault('running and cannot be told "broke"'))
  expect(isGone(tail)).toBe(true)
  expect(existsSync(join(directory, 'lines.fifo'))).toBe(false)
  expect(listRuns().filter(run => run.pid === process.pid)).toEqual([])
  expect(warnings).toContain('A defect of ipcsup has shown itself. Everything is being ended.')
  expect((await supervisor.status()).phase).toBe('finished')
  expect(supervisor.report().ok).toBe(false)
})

test('who waits for something when a defect shows itself is told of it, and who asks later too', async () => {
  const supervisor = make(work())
  await supervisor.start()
  const tail = await pidOf(supervisor, 'tail')
  breakTable('stopping', 'cleared')
  const expected = fault('stopping and cannot be told "cleared"')
  await expect(supervisor.restartProcesses(['web'])).rejects.toEqual(expected)
  expect(isGone(tail)).toBe(true)
  await expect(supervisor.signalProcesses(['tail'], 'SIGUSR1')).rejects.toEqual(expected)
  await expect(supervisor[Symbol.asyncDispose]()).rejects.toEqual(expected)
})

test('a defect in the hands ends everything too', async () => {
  const create = vi.spyOn(kinds.fifo, 'create').mockImplementation(() => {
    throw new TypeError('nobody thought of this')
  })
  restore.push(() => create.mockRestore())
  const supervisor = make(work())
  await expect(supervisor.start()).rejects.toMatchObject({
    code: 'IPCSUP_ERR_INTERNAL',
    message: expect.stringContaining('nobody thought of this'),
  })
  await expect(supervisor.stop()).rejects.toMatchObject({ code: 'IPCSUP_ERR_INTERNAL' })
  expect(listRuns().filter(run => run.pid === process.pid)).toEqual([])
})
