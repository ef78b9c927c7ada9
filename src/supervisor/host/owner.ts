/** Whose a program is that talks to the supervisor. */
import type { Owner } from '../../ipc/kind.js'
import type { Instance, Instances } from './instances.js'
import { readOwner, readProcess } from './proc.js'

/** A process is its session's leader, so whatever it started and did not send away is known by its session. */
export function findBySession(pid: number, instances: Pick<Instances, 'findByPid'>): Instance | undefined {
  return instances.findByPid(pid) ?? instances.findByPid(readProcess(pid)?.session ?? 0)
}

/** The same; and what it did send away (`setsid`) is known by its environment, as long as the instance is there. */
export function findOwner(pid: number, instances: Pick<Instances, 'findByPid' | 'find'>, runId: string): Owner | null {
  return findBySession(pid, instances) ?? findMarkedOwner(pid, instances, runId) ?? null
}

function findMarkedOwner(pid: number, instances: Pick<Instances, 'find'>, runId: string): Instance | undefined {
  const { run, process } = readOwner(pid)
  return run === runId && process !== null ? instances.find(process) : undefined
}
