import { afterEach, expect, test, vi } from 'vitest'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { createTestHost } from '../../support/host.js'

afterEach(() => void vi.restoreAllMocks())

/** Notes what is done to the objects of mapped files; their disk is as slow, or as broken, as `flush` says. */
function watchFiles(flush: () => Promise<void>): string[] {
  const done: string[] = []
  const { create } = kinds.file
  vi.spyOn(kinds.file, 'create').mockImplementation((options, where): LinkObject => {
    const object = create(options, where)
    return {
      ...object,
      flush: async () => {
        done.push('flush')
        await flush()
        done.push('flushed')
      },
      destroy: () => {
        object.destroy()
        done.push('destroyed')
      },
    }
  })
  return done
}

const config = { links: { data: { kind: 'file', path: 'data', size: 10 }, plain: { kind: 'pipe' } }, processes: {} }

test('what was written to a file is on the disk before its link goes, and others do not wait for that', async () => {
  let finish = (): void => {}
  const finished = new Promise<void>(resolve => {
    finish = resolve
  })
  const done = watchFiles(() => finished)
  await using host = createTestHost(config)
  await host.call({ type: 'open', link: 'data', generation: 1 }, 'opened')
  const destroyed = host.call({ type: 'destroy', link: 'data', generation: 1 }, 'destroyed')
  await host.call({ type: 'destroy', link: 'plain', generation: 1 }, 'destroyed')
  expect(done).toEqual(['flush'])
  finish()
  await destroyed
  expect(done).toEqual(['flush', 'flushed', 'destroyed'])
})

test('so it is at the stop', async () => {
  const done = watchFiles(async () => {})
  await using host = createTestHost(config)
  await host.call({ type: 'open', link: 'data', generation: 1 }, 'opened')
  await host.close()
  expect(done).toEqual(['flush', 'flushed', 'destroyed'])
})

test('a disk that fails is told, and the stop goes on', async () => {
  const error = Object.assign(new Error('broken'), { syscall: 'fsync', code: 'EIO' })
  watchFiles(() => Promise.reject(error))
  await using host = createTestHost(config)
  await host.call({ type: 'open', link: 'data', generation: 1 }, 'opened')
  await host.close()
  expect(host.events).toContainEqual({
    type: 'warning',
    message: 'What was written to link "data" may not be on the disk: fsync: EIO.',
  })
})
