/** How a process stands, as those who wait for it ask. */
import type { ProcessRecord } from './brain/records.js'
import { isFinished } from './brain/transitions.js'

/** It was spawned, could not be, or was not asked to run. */
export function isUnderWay(record: ProcessRecord): boolean {
  return (
    !record.wanted || record.started || record.exit !== null || isFinished(record.state) || record.state === 'parked'
  )
}

/** Asked later: what runs of these now has ended. Who started one of them again meanwhile has not to be waited for. */
export function watchStop(records: readonly ProcessRecord[]): () => boolean {
  return compareWithNow(records, isPast)
}

function isPast({ generation, instance, state }: ProcessRecord, before: number): boolean {
  return generation > before || (instance === null && state !== 'stopping')
}

/** Asked later: a later incarnation than now was spawned of each of these, or there will be none. */
export function watchRestart(records: readonly ProcessRecord[]): () => boolean {
  return compareWithNow(records, isUpAgain)
}

function isUpAgain({ generation, instance, state }: ProcessRecord, before: number): boolean {
  return (generation > before && instance?.spawned !== false) || isFinished(state) || state === 'parked'
}

function compareWithNow(
  records: readonly ProcessRecord[],
  isDone: (record: ProcessRecord, before: number) => boolean,
): () => boolean {
  const all = records.map(record => ({ record, before: record.generation }))
  return () => all.every(({ record, before }) => isDone(record, before))
}
