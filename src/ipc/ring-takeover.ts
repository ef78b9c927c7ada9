/** A file that a former run used as a ring: checked as if somebody had damaged it, then used from where it was left. */
import { fstatSync, readSync } from 'node:fs'
import { isRangeLocked } from '../platform/index.js'
import type { Refuse } from './refusal.js'
import { initializeControl, magicBytes } from './ring/initialize.js'
import {
  type Geometry,
  header,
  lane,
  laneStart,
  measure,
  modes,
  mostSlots,
  readerStart,
  reader as readerWords,
  slot,
  version,
} from './ring/layout.js'
import { repairClaims } from './ring/repair.js'
import { RingControl, type RingSide, type RingSnapshot, slotStart } from './ring-control.js'
import { nameDamage } from './ring-facts.js'
import type { RingMemoryPlan } from './ring-memory.js'
import type { RingSlots } from './ring-slots.js'
import { isWhole } from './ring-walk.js'

const byteOrder = 0x01020304

/** Before it is known to be ours nothing is written to it. @throws IPCSUP_ERR_LINK_CREATE */
export function takeOver(
  descriptor: number,
  path: string,
  plan: RingMemoryPlan,
  link: string,
  refuse: Refuse,
): RingControl {
  const { geometry, slots } = plan
  const control = new RingControl(descriptor, geometry, link)
  const refuseFile = (reason: string) =>
    refuse(
      `${path} ${reason}`,
      'Remove that file, with all that is in it, and the ring begins anew; or choose another `path`.',
    )
  const reason = findDifference(descriptor, geometry) ?? findStranger(control.snapshot(), geometry, slots)
  if (reason !== null) throw refuseFile(reason)
  if (isRangeLocked(descriptor, { start: header.writerSlots, length: 2 * mostSlots * slot.bytes }))
    throw refuse(`a program of a former run still uses ${path}`, 'End it (`fuser` names it), and start again.')
  const overtaken = findOvertaken(control)
  if (overtaken === null) throw refuseFile('is damaged: its records do not follow one another')
  buryAll(control)
  openAgain(control, overtaken)
  return control
}

/** Of a former run nobody is left. */
function buryAll(control: RingControl): void {
  const { writers, readers, mode } = control.geometry
  for (let writer = 0; writer < writers; writer++) control.writeSlot('write', writer, 'alive', 0)
  for (let reader = 0; reader < readers; reader++) {
    control.writeSlot('read', reader, 'alive', 0)
    if (mode === 'share') repairClaims(control.geometry, reader, control)
  }
}

/**
 * Readers that had finished, and so held nobody back: what they had before them may be overwritten. Not all of them can
 * be such, because the writers heeded the others.
 *
 * @returns null: the ring is damaged
 */
function findOvertaken(control: RingControl): readonly number[] | null {
  const { descriptor, geometry } = control
  const snapshot = control.snapshot()
  const all = Array.from({ length: geometry.readers }, (_, reader) => reader)
  if (isWhole(descriptor, snapshot, geometry, all)) return []
  if (geometry.mode !== 'each' || geometry.isLossy) return null
  const heeded = all.filter(reader => !snapshot.isFinished('read', reader))
  const whole = all.filter(reader => isWhole(descriptor, snapshot, geometry, [reader]))
  const isPossible = whole.length > 0 && heeded.every(reader => whole.includes(reader))
  return isPossible ? all.filter(reader => !whole.includes(reader)) : null
}

function openAgain(control: RingControl, overtaken: readonly number[]): void {
  const { geometry } = control
  for (const reader of overtaken) control.skipToEnd(reader)
  for (let writer = 0; writer < geometry.writers; writer++) {
    control.writeSlot('write', writer, 'finished', 0)
    control.write(laneStart(writer) + lane.waiting, 0)
  }
  for (let reader = 0; reader < geometry.readers; reader++) {
    control.writeSlot('read', reader, 'finished', 0)
    control.write(readerStart(geometry, reader) + readerWords.waiting, 0)
  }
  control.write(header.unread, 0)
  control.write(header.ended, 0)
}

/** Goes on from the path; null: it is a ring, and such a one. */
function findDifference(descriptor: number, geometry: Geometry): string | null {
  const { bytes } = measure(geometry)
  const page = Buffer.alloc(4096)
  const size = fstatSync(descriptor).size
  readSync(descriptor, page, 0, page.length, 0)
  const at = (offset: number): number => page.readUInt32LE(offset)
  if (!page.subarray(0, 8).equals(magicBytes())) return 'is there already and is no ring'
  if (size < page.length) return `was cut: it has ${size} bytes`
  if (at(header.byteOrder) !== byteOrder) return 'is a ring of a machine with another order of bytes'
  const [major, minor] = [at(header.version) & 0xffff, at(header.version) >>> 16]
  if (major !== version.major)
    return `is a ring of layout version ${major}.${minor}, and this is ${version.major}.${version.minor}`
  const found = readGeometry(at)
  const differences = describeDifferences(found, geometry)
  if (differences.length > 0) return `is a ring that ${differences.join(' and ')}`
  if (at(header.dataStart) !== measure(geometry).dataStart) return 'is a ring whose header contradicts itself'
  if (size < bytes) return `was cut: it has ${size} of its ${bytes} bytes`
  const damage = nameDamage(at(header.poison))
  return damage === null ? null : `was given up as damaged: ${damage}`
}

function readGeometry(at: (offset: number) => number): Geometry {
  const flags = at(header.flags)
  return {
    capacity: at(header.capacity),
    writers: at(header.writers),
    readers: at(header.readers),
    mode: modes[flags & 3] ?? 'one',
    isLossy: (flags & 4) !== 0,
  }
}

function describeDifferences(found: Geometry, wanted: Geometry): string[] {
  return [
    found.capacity === wanted.capacity ? '' : `has a size of ${found.capacity} bytes, not ${wanted.capacity}`,
    // One of them is the place for programs outside.
    found.writers === wanted.writers
      ? ''
      : `was made for ${count(found.writers - 1, 'writing process', 'es')}, not ${wanted.writers - 1}`,
    found.readers === wanted.readers
      ? ''
      : `was made for ${count(found.readers, 'reader', 's')}, not ${wanted.readers}`,
    found.mode === wanted.mode && found.isLossy === wanted.isLossy
      ? ''
      : `was made for ${describeMode(found)}, not ${describeMode(wanted)}`,
  ].filter(Boolean)
}

const count = (number: number, what: string, many: string): string => `${number} ${what}${number === 1 ? '' : many}`

const describeMode = ({ mode, isLossy }: Geometry): string =>
  `readers "${mode}"${isLossy ? ' that may miss messages' : ''}`

/** Goes on from the path: a process of another name, or a record that is none; null: all is well. */
function findStranger(snapshot: RingSnapshot, geometry: Geometry, slots: RingSlots): string | null {
  const expected = initializeControl(geometry, { writers: slots.write, readers: slots.read })
  for (const side of ['write', 'read'] as const)
    for (const [index, name] of slots[side].entries()) {
      const at = slotStart(side, index) + slot.name
      if (snapshot.at(at) !== expected.readUInt32LE(at))
        return `is a ring of other processes: ${describe(side, index, name)}`
    }
  return null
}

function describe(side: RingSide, index: number, name: string): string {
  const whom = name === '' ? 'programs outside' : `"${name}"`
  return `its ${side === 'write' ? 'writer' : 'reader'} number ${index + 1} was not ${whom}`
}
