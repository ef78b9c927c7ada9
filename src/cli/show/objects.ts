/** What a named object of a link is, in a word. */
import { lstatSync, type Stats } from 'node:fs'
import type { ObjectEntry } from '../../supervisor/run/list.js'

const types = {
  queue: 'queue',
  'sysv-queue': 'System V queue',
  'sysv-semaphore': 'System V semaphore',
} as const satisfies Record<Exclude<ObjectEntry['type'], 'file'>, string>

export function describeObjectType({ type, name }: Pick<ObjectEntry, 'type' | 'name'>): string {
  return type === 'file' ? describeFile(name) : types[type]
}

/** Of what has a path. glibc keeps POSIX semaphores and shared memory as files there (sem_overview(7), shm_overview(7)). */
function describeFile(path: string): string {
  if (path.startsWith('/dev/shm/sem.')) return 'semaphore'
  if (path.startsWith('/dev/shm/') && !path.slice('/dev/shm/'.length).includes('/')) return 'shared memory'
  const found = lookAt(path)
  if (found?.isSocket()) return 'socket'
  return found?.isFIFO() ? 'FIFO' : 'file'
}

function lookAt(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch {
    // Removed since it was listed.
    return null
  }
}
