/** The memory of a ring: made anew, or that of a former run, in a file, which goes on where it was. */
import { closeSync, fdatasyncSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { createMemory, sealSize, tryLockRange } from '../platform/index.js'
import type { Where } from './kind.js'
import { lookAt, makeFile, openFile, refuseExisting } from './memory-file.js'
import { claimSpace } from './memory-space.js'
import type { Refuse } from './refusal.js'
import { initializeControl, magicBytes } from './ring/initialize.js'
import { type Geometry, header, measure } from './ring/layout.js'
import { RingControl } from './ring-control.js'
import type { RingSlots } from './ring-slots.js'
import { takeOver } from './ring-takeover.js'

export interface RingMemoryPlan {
  readonly geometry: Geometry
  readonly slots: RingSlots
  /** null: memory without a name, which is gone with its last user. */
  readonly path: string | null
}

/** The caller closes its descriptor. @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeRingMemory(plan: RingMemoryPlan, where: Where, refuse: Refuse): RingControl {
  const { geometry, path } = plan
  if (path === null) return new RingControl(makeUnnamed(plan, where, refuse), geometry, where.link)
  const found = lookAt(path, refuse)
  if (found === null) return new RingControl(makeNamed(path, plan, where, refuse), geometry, where.link)
  if (!found.isFile()) throw refuseExisting(path, found, refuse)
  const { descriptor } = openFile(path, 'refuse', refuse)
  try {
    lockFile(descriptor, path, refuse)
    return takeOver(descriptor, path, plan, where.link, refuse)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function makeUnnamed(plan: RingMemoryPlan, { uniqueName }: Where, refuse: Refuse): number {
  const descriptor = createMemory(uniqueName)
  try {
    fill(descriptor, plan, null, refuse)
    // Nobody can cut it now, so no touch of it is ever a SIGBUS.
    sealSize(descriptor)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function makeNamed(path: string, plan: RingMemoryPlan, where: Where, refuse: Refuse): number {
  const { descriptor } = makeFile(
    {
      path,
      mode: 0o600,
      fill: made => {
        lockFile(made, path, refuse)
        fill(made, plan, dirname(path), refuse)
        fdatasyncSync(made)
      },
      isTemporary: false,
    },
    where,
    refuse,
  )
  return descriptor
}

/** For as long as this supervisor lives: its programs get descriptions of their own, and so have no part in it. */
function lockFile(descriptor: number, path: string, refuse: Refuse): void {
  if (tryLockRange(descriptor, { start: header.magic, length: 1 })) return
  throw refuse(`${path} is used by another supervisor now`, 'Stop that one, or choose another `path`.')
}

function fill(descriptor: number, { geometry, slots }: RingMemoryPlan, place: string | null, refuse: Refuse): void {
  claimSpace(descriptor, measure(geometry).bytes, place, refuse)
  writeSync(descriptor, initializeControl(geometry, { writers: slots.write, readers: slots.read }), 0, null, 0)
  const magic = magicBytes()
  writeSync(descriptor, magic, 0, magic.length, 0)
}
