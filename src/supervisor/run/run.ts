/**
 * A run: one life of one supervisor. It has an id (in every child's environment as IPCSUP_RUN), a directory (0700,
 * locked while the supervisor lives) and a ledger of what it made, so that the next run can clean up after a crash.
 */
import type { NamedObject } from '../../ipc/kind.js'

export interface Run {
  /** Random; unlike any other run's. */
  readonly id: string
  /** Absolute; exists, 0700, ours. */
  readonly directory: string
  readonly ledger: Ledger
}

export interface Ledger {
  /** Written through before it returns; called before the object is made, and again before it is used. */
  recordObject(link: string, object: NamedObject): void
  recordProcess(process: string, pid: number, startTime: number): void
  /** True when a dead run of the same config recorded this very object. */
  wasOurs(object: NamedObject): boolean
}
