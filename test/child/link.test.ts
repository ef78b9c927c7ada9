import { fstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { link } from '../../src/child/index.js'
import { createSupervisor } from '../../src/index.js'
import type { Event } from '../../src/ipc/event-end.js'
import type { Shm } from '../../src/ipc/shm.js'
import { createEvent, createMemory, identifyDescriptor, reserveSpace } from '../../src/platform/index.js'
import { makeDirectory } from '../ipc/support.js'

const told = (kind: string, side: string, fd: number) => ({ kind, side, fd, options: {} })

beforeEach(() => {
  const memory = createMemory('data')
  reserveSpace(memory, 4096)
  process.env['IPCSUP_LINKS'] = JSON.stringify({
    wake: told('event', 'wait', createEvent(1, 'counter')),
    data: told('shm', 'map', memory),
  })
})

afterEach(() => {
  delete process.env['IPCSUP_LINKS']
})

test('an end is opened once, since it closes its descriptor, whose number is something else afterwards', async () => {
  const event = await link<Event, 'wake'>('wake')
  await expect(link('wake')).rejects.toMatchObject({
    code: 'IPCSUP_ERR_LINK_USE',
    message: expect.stringMatching(/Link "wake" cannot be opened again: its descriptor belongs to the end that/),
  })
  expect(await event.wait()).toBe(1n)
  event.close()
  await expect(link('wake')).rejects.toMatchObject({ code: 'IPCSUP_ERR_LINK_USE' })
})

test('of memory the same comes again', async () => {
  const [first, second] = [await link<Shm, 'data'>('data'), await link<Shm, 'data'>('data')]
  expect(second.buffer).toBe(first.buffer)
  for (const memory of [first, second]) memory.close()
})

test('memory that was closed as often as it was opened does not come again, and says so', async () => {
  const { data } = JSON.parse(process.env['IPCSUP_LINKS']!)
  process.env['IPCSUP_LINKS'] = JSON.stringify({ board: data })
  const [first, second] = [await link<Shm, 'board'>('board'), await link<Shm, 'board'>('board')]
  first.close()
  const third = await link<Shm, 'board'>('board')
  for (const memory of [second, third]) memory.close()
  await expect(link('board')).rejects.toMatchObject({
    code: 'IPCSUP_ERR_LINK_USE',
    message: expect.stringMatching(/Link "board" cannot be opened again: its descriptor was closed with the end/),
  })
  await expect(third.flush()).rejects.toThrow('The end of link "board" cannot be used any more')
})

test('what is being flushed while its memory is closed is flushed', async () => {
  const { data } = JSON.parse(process.env['IPCSUP_LINKS']!)
  process.env['IPCSUP_LINKS'] = JSON.stringify({ table: data })
  const memory = await link<Shm, 'table'>('table')
  const flushed = memory.flush()
  memory.close()
  await flushed
  expect(() => fstatSync(data.fd)).toThrow(/EBADF/)
})

test.each(['toString', '__proto__'])('%s is no link unless the config has it', async name => {
  await expect(link(name)).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_SUCH_END' })
})

test('a descriptor that is not passed on by the program in between is refused, since its number is something else', async () => {
  const [event, other] = [createEvent(1, 'counter'), createEvent(2, 'counter')]
  const is = identifyDescriptor(event)
  process.env['IPCSUP_LINKS'] = JSON.stringify({
    mine: { ...told('event', 'wait', event), is },
    lost: { ...told('event', 'wait', other), is },
  })
  await expect(link('lost')).rejects.toThrow(/Link "lost" cannot be opened: descriptor \d+ is not its end: whoever/)
  const end = await link<Event, 'mine'>('mine')
  expect(await end.wait()).toBe(1n)
  end.close()
})

test('a process is told what its descriptors are of', async () => {
  const directory = makeDirectory()
  const tell = 'printf %s "$IPCSUP_LINKS" > told; stat -L -c %d:%i /proc/self/fd/3 > is'
  const supervisor = createSupervisor(
    {
      logs: { directory: join(directory, 'logs') },
      links: { turn: { kind: 'lock' } },
      processes: { one: { command: ['sh', '-c', tell], links: { turn: 'use' } } },
    },
    { directory },
  )
  await supervisor.start()
  await supervisor.finished
  const { turn } = JSON.parse(readFileSync(join(directory, 'told'), 'utf8'))
  expect(turn.is).toBe(readFileSync(join(directory, 'is'), 'utf8').trim())
})
