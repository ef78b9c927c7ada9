/** How a process stands, as those who wait for it ask. */
import type { ProcessRecord } from './brain/records.js'
import { isFinished } from './brain/transitions.js'

/** It was spawned, could not be, or was not asked to run. */
export function isUnderWay(record: ProcessRecord): boolean {
  return (
    !record.wanted || record.started || record.exit !== null || isFinished(record.state) || record.state === 'parked'
  )
}

/** Nothing of it runs, and nothing will by itself. */
export function isDown({ instance, state }: ProcessRecord): boolean {
  return instance === null && (isFinished(state) || state === 'parked' || state === 'idle')
}

/** A later incarnation than `generation` was spawned, or there will be none. */
export function isUpAgain(record: ProcessRecord, generation: number): boolean {
  const { instance, state } = record
  return (record.generation > generation && instance?.spawned !== false) || isFinished(state) || state === 'parked'
}
