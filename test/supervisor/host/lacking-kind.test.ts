import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createSupervisor } from '../../../src/index.js'
import { makeDirectory } from '../../ipc/support.js'
import { listOpenDescriptors } from '../../support/host.js'

// This file's own registry, in which one kind is of another system.
vi.mock('../../../src/ipc/kinds/index.js', async importOriginal => {
  const { kinds } = await importOriginal<typeof import('../../../src/ipc/kinds/index.js')>()
  return { kinds: { ...kinds, fifo: { ...kinds.fifo, systems: ['sunos', 'aix'] } } }
})

test('a link of a kind that this system lacks ends the start, naming link, kind and system; nothing is left', async () => {
  const directory = makeDirectory()
  const before = listOpenDescriptors()
  const supervisor = createSupervisor({
    links: { lines: { kind: 'pipe' }, spot: { kind: 'fifo', path: join(directory, 'spot') } },
    processes: {
      one: { command: ['true'], stdout: 'lines' },
      two: { command: ['touch', join(directory, 'started')], stdin: 'lines', links: { spot: 'read' } },
    },
  })
  await expect(supervisor.start()).rejects.toMatchObject({
    code: 'IPCSUP_ERR_UNSUPPORTED',
    message: `Link "spot" of kind fifo is not available on ${process.platform}. That kind exists on sunos, aix; \`ipcsup advise\` helps to choose another.`,
  })
  await supervisor.stop()
  expect(['started', 'spot'].filter(name => existsSync(join(directory, name)))).toEqual([])
  expect(listOpenDescriptors().filter(row => row.includes('pipe:'))).toEqual(
    before.filter(row => row.includes('pipe:')),
  )
})
