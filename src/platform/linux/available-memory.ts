/** How much memory may still be taken, before taking it: the kernel says no by killing, not by an error. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface AvailableMemory {
  readonly bytes: number
  /** What says so: a file of the kernel's. */
  readonly source: string
}

/**
 * The least of what the machine has and what each control group around this process still allows. Memory that only
 * caches files counts as available: the kernel gives it up.
 *
 * @param root - where /proc and /sys are; `/` but in tests
 */
export function readAvailableMemory(root = '/'): AvailableMemory {
  const ofMachine = { bytes: readMachine(join(root, 'proc/meminfo')), source: '/proc/meminfo' }
  const all = [ofMachine, ...listGroups(root).flatMap(group => readGroup(root, group))]
  return all.reduce((least, one) => (one.bytes < least.bytes ? one : least))
}

function readMachine(path: string): number {
  const [, kilobytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(read(path) ?? '') ?? []
  return kilobytes === undefined ? Number.POSITIVE_INFINITY : Number(kilobytes) * 1024
}

/** The files of a control group that matter, in the words of each version. */
const versions = {
  1: {
    mount: 'sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    usage: 'memory.usage_in_bytes',
    cached: /^total_inactive_file (\d+)$/m,
  },
  2: { mount: 'sys/fs/cgroup', limit: 'memory.max', usage: 'memory.current', cached: /^inactive_file (\d+)$/m },
} as const

interface Group {
  readonly version: keyof typeof versions
  /** From the mount on. */
  readonly path: string
}

/**
 * The group of this process and all above it. In a container the path may be one that only the outside knows: what is
 * not there is passed over, and the mount itself is the container's own group.
 */
function listGroups(root: string): Group[] {
  const lines = (read(join(root, 'proc/self/cgroup')) ?? '').split('\n')
  return lines.flatMap(line => {
    const [, controllers, own] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const version = controllers === '' ? 2 : controllers?.split(',').includes('memory') ? 1 : null
    if (version === null || own === undefined) return []
    const steps = own.split('/').filter(step => step !== '')
    return [...steps.keys(), steps.length].map(count => ({ version, path: steps.slice(0, count).join('/') }))
  })
}

function readGroup(root: string, { version, path }: Group): AvailableMemory[] {
  const { mount, limit, usage, cached } = versions[version]
  const directory = join(mount, path)
  // `max`, or no such file, is no number.
  const limitBytes = Number.parseInt(read(join(root, directory, limit)) ?? '', 10)
  if (Number.isNaN(limitBytes)) return []
  const usedBytes = Number(read(join(root, directory, usage)) ?? 0)
  const cachedBytes = Number(cached.exec(read(join(root, directory, 'memory.stat')) ?? '')?.[1] ?? 0)
  const taken = Math.max(0, usedBytes - cachedBytes)
  return [{ bytes: Math.max(0, limitBytes - taken), source: join('/', directory, limit) }]
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
