import { expect, test } from 'vitest'
import { createSandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

/** Takes a permit of the second member, or waits for one inside of the kernel. */
const take = `
import ctypes, os, struct, sys, time
operation = struct.pack('Hhh', 1, -1, 0x1000)
ctypes.CDLL(None).semop(int(os.environ['IPCSUP_ID_SLOTS']), operation, 1)
time.sleep(1000)`

test('a set of System V semaphores: status and graph show who used it last, and how many wait', async () => {
  await using sandbox = createSandbox()
  const taker = { command: ['/usr/bin/python3', '-c', take], links: { slots: 'use' } }
  sandbox.writeConfig({
    links: { slots: { kind: 'semaphore', system: 'sysv', values: [1, 1] } },
    processes: { first: taker, second: taker },
  })
  await sandbox.ipcsup('start', '--detach')
  const look = async () => (await sandbox.status()).links[0]!
  await until('one has it and the other waits', async () => (await look()).waiting === 1)
  const { value, lastUsers, holderNames } = await look()
  expect(value).toEqual([1, 0])
  const { processes } = await sandbox.status()
  // Of the first member nobody took anything.
  expect(lastUsers).toEqual([null, expect.any(Number)])
  const holder = processes.find(({ pid }) => pid === lastUsers![1])!
  expect(holderNames).toEqual({ [holder.pid!]: holder.name })
  const shown = `${holder.name} (${holder.pid})`
  expect((await sandbox.ipcsup('status')).out).toMatch(/ WAITING +VALUE +LAST USED BY .*\n.* 1 +1 0 +\S+ \(\d+\)/)
  expect((await sandbox.ipcsup('graph')).out).toContain(`1 waiting, value 1 0, last used by ${shown}`)
  // Its permit comes back: the kernel gives it in its name, and then the other one takes it.
  const other = processes.find(({ pid }) => pid !== holder.pid)!
  await sandbox.ipcsup('stop', holder.name)
  await until('the other one has it', async () => (await look()).lastUsers?.[1] === other.pid)
  expect((await look()).waiting).toBe(0)
})
