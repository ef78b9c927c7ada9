/** What an end of a ring has open: its memory, which only one program at a time uses by that end, and bells. */
import { closeSync, fstatSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { IpcsupError } from '../errors.js'
import { bindToThread, mapMemory, openAgain, peekPacket, planUnmapping, tryLockRange } from '../platform/index.js'
import { errnoOf } from './refusal.js'
import { explainDisagreement } from './ring/initialize.js'
import { header, measure, slot } from './ring/layout.js'
import { type Bag, bagBytes, decodeBag, noRing, otherLayout } from './ring-bag.js'

export interface Attachment extends Bag {
  readonly memory: ArrayBuffer
  /** Rung for this end. */
  readonly ownBell: number
  /** Those of the other side, by slot. */
  readonly bells: readonly number[]
  /** Closes everything, the lock included; the memory stays as long as something can reach it. */
  close(): void
}

/**
 * The kernel may keep the lock of one that was killed for a moment more, while somebody such as `ps` looks at its memory.
 * Seen once in 3,000 kills.
 */
const lockPatienceMs = 500
const lockDelayMs = 5

/**
 * @param descriptor - the end, as it was handed over; the caller closes it
 * @throws IPCSUP_ERR_RING_LAYOUT when it is none, one of another version, or in use, or there are too few descriptors
 */
export async function attachRing(descriptor: number): Promise<Attachment> {
  try {
    return await attach(descriptor)
  } catch (error) {
    throw shortages.has(errnoOf(error)) ? tooFewDescriptors(error) : error
  }
}

const shortages = new Set(['EMFILE', 'ENFILE'])

async function attach(descriptor: number): Promise<Attachment> {
  const { bytes, descriptors } = peek(descriptor)
  const close = (): void => {
    for (const one of descriptors) closeSync(one)
  }
  try {
    const bag = decodeBag(bytes)
    const { writers, readers } = bag.geometry
    const [handed, ownBell, ...bells] = descriptors
    if (bells.length !== (bag.side === 'write' ? readers : writers)) throw tooFewDescriptors()
    const { memory, free } = await openMemory(handed!, bag)
    const closeAll = (): void => {
      close()
      free()
    }
    return { ...bag, memory, ownBell: ownBell!, bells, close: closeAll }
  } catch (error) {
    close()
    throw error
  }
}

function peek(descriptor: number) {
  try {
    const packet = peekPacket(descriptor, bagBytes + 1)
    if (packet !== null) return { bytes: packet.bytes, descriptors: bindToThread(packet.descriptors) }
  } catch (error) {
    // Anything else than a socket, or with something else in it.
    if (!['ENOTSOCK', 'ENXIO'].includes(errnoOf(error))) throw error
  }
  throw noRing('its descriptor is not that of a ring')
}

/**
 * A lock belongs to a description, so this end's is one of its own: the kernel frees it when that is closed, or at the death
 * of all who have it. The memory is mapped by another one: a mapping would keep the lock, also that of a thread that was
 * ended.
 */
async function openMemory(handed: number, bag: Bag): Promise<{ memory: ArrayBuffer; free: () => void }> {
  const own = openAgain(handed)
  try {
    await lockSlot(own, bag)
    const { bytes } = measure(bag.geometry)
    if (fstatSync(own).size < bytes) throw noRing('its memory is smaller than it should be')
    const memory = mapMemory(handed, 'write')
    try {
      const why = explainDisagreement(memory, bag.geometry)
      if (why !== null) throw otherLayout(why)
    } catch (error) {
      planUnmapping(memory)()
      throw error
    }
    return { memory, free: () => letGo(own, memory) }
  } catch (error) {
    closeSync(own)
    throw error
  }
}

async function lockSlot(own: number, bag: Bag): Promise<void> {
  // The first byte of its slot's row.
  const start = (bag.side === 'write' ? header.writerSlots : header.readerSlots) + bag.slot * slot.bytes
  const endsAt = performance.now() + lockPatienceMs
  while (!tryLockRange(own, { start, length: 1 })) {
    if (performance.now() > endsAt) throw inUse(bag.side)
    await delay(lockDelayMs)
  }
}

// Memory that a view may still reach must stay mapped; when the buffer is collected, no view of it is left.
const unmappings = new FinalizationRegistry<() => void>(unmap => unmap())

function letGo(descriptor: number, memory: ArrayBuffer): void {
  closeSync(descriptor)
  unmappings.register(memory, planUnmapping(memory))
}

function inUse(side: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_RING_LAYOUT', {
    errno: 'EBUSY',
    why: `another program of this process, or another thread, has its ${side} end open`,
    advice:
      'Open it in one of them only, or close it there first; several programs at one side are several processes of the config.',
  })
}

function tooFewDescriptors(cause?: unknown): IpcsupError {
  return new IpcsupError(
    'IPCSUP_ERR_RING_LAYOUT',
    {
      why: 'not all of its descriptors came: this process may not open as many',
      advice: 'Raise the limit (`ulimit -n`), or let it open less.',
    },
    { cause },
  )
}
