/**
 * The supervisor's half of a ring: it holds the memory and all bells, says who is there and who will not come again, and
 * mends what the dead left behind. Its users never need it to pass a message.
 */
import { closeSync, fdatasync } from 'node:fs'
import { promisify } from 'node:util'
import { IpcsupError } from '../errors.js'
import { createSocketPair, isRangeLocked, openAgain, sendPacket } from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { EndState, Hint, LinkFacts, LinkObject } from './kind.js'
import { header } from './ring/layout.js'
import { repairClaims } from './ring/repair.js'
import { type Bag, encodeBag } from './ring-bag.js'
import { everybody, makeBells, ring } from './ring-bells.js'
import { type RingControl, type RingSide, slotStart } from './ring-control.js'
import { readRingFacts } from './ring-facts.js'
import type { RingSlots } from './ring-slots.js'

export interface RingToHold extends Pick<Bag, 'full' | 'codec'> {
  /** Name of the link, for messages. */
  readonly link: string
  readonly control: RingControl
  readonly slots: RingSlots
  readonly hint: Hint
  /** Its memory is a file: what is in it stays after the stop. */
  readonly isFile: boolean
}

/** The object owns the descriptor of the memory from now on, but not when this throws. */
export function holdRing(given: RingToHold): LinkObject {
  const held = new HeldRing(given)
  return {
    sharesDescription: false,
    hint: () => given.hint,
    take: (side, taker = '') => held.take(toSide(side), taker),
    release: (side, reason) => held.release(toSide(side), reason),
    leave: (side, process) => held.leave(toSide(side), process),
    mend: (side, process = '') => held.mend(toSide(side), process),
    state: (side, process = '') => held.state(toSide(side), process),
    facts: () => held.facts(),
    ...(given.isFile && { flush: () => held.flush() }),
    destroy: () => held.close(),
  }
}

const toSide = (name: string): RingSide => (name === 'write' ? 'write' : 'read')
const otherOf = (side: RingSide): RingSide => (side === 'write' ? 'read' : 'write')

/** How often, and how many times, it is looked whether a reader that shared is gone. */
const retryDelayMs = 10
const mostTries = 50

class HeldRing {
  readonly #ring: RingToHold
  readonly #control: RingControl
  readonly #bells: Readonly<Record<RingSide, readonly number[]>>
  /** Nobody gets an end of these any more. */
  readonly #released = new Set<RingSide>()
  readonly #over = new Set<RingSide>()
  /** Bytes that readers left unread whose use is over, by slot. */
  readonly #abandoned = new Map<number, number>()
  #isHeld = true

  constructor(given: RingToHold) {
    this.#ring = given
    this.#control = given.control
    this.#bells = makeBells(given.slots)
  }

  take(side: RingSide, taker: string): number {
    const { link, slots } = this.#ring
    if (!this.#isHeld || this.#released.has(side)) throw sideClosed(link, side)
    const index = slots[side].indexOf(taker)
    if (index < 0) throw noPlace(link, slots)
    this.#admit(side, index)
    return this.#pack(side, index)
  }

  #admit(side: RingSide, index: number): void {
    const control = this.#control
    // Who is outside is not seen to die: what it left is mended when the next one comes.
    if (this.#isShared(side) && !this.#isInUse(side, index)) repairClaims(control.geometry, index, control)
    if (side === 'read') this.#abandoned.delete(index)
    const isBack = control.readSlot(side, index, 'finished') === 1
    const isSkipping = isBack && side === 'read' && !this.#isShared(side)
    if (isSkipping) control.skipToEnd(index)
    control.writeSlot(side, index, 'finished', 0)
    // A writer that has looked in between may be further on than the first end by more than there is room for.
    if (isSkipping) control.skipToEnd(index)
    control.writeSlot(side, index, 'epoch', control.readSlot(side, index, 'epoch') + 1)
    control.writeSlot(side, index, 'alive', 1)
  }

  /** @returns a socket in which the bag lies for ever */
  #pack(side: RingSide, index: number): number {
    const { full, codec, control } = this.#ring
    const { geometry } = control
    const [given, own] = createSocketPair('seqpacket')
    let memory = -1
    try {
      // Not ours: that of a file has the lock that says that it is in use by this supervisor.
      memory = openAgain(control.descriptor)
      const descriptors = [memory, this.#bells[side][index]!, ...this.#bells[otherOf(side)]]
      sendPacket(own, encodeBag({ side, slot: index, geometry, full, codec }), descriptors)
      return given
    } catch (error) {
      closeSync(given)
      throw this.#explainSending(error)
    } finally {
      closeSync(own)
      if (memory >= 0) closeSync(memory)
    }
  }

  /** What lies in sockets counts for the user, over all of its processes. */
  #explainSending(error: unknown): unknown {
    if (!(error instanceof IpcsupError) || error.detail['errno'] !== 'ETOOMANYREFS') return error
    return new IpcsupError(
      'IPCSUP_ERR_LINK_USE',
      {
        link: this.#ring.link,
        what: 'handed out',
        why: 'more descriptors of this user lie in sockets than one process may have open (ETOOMANYREFS)',
        advice: 'Raise `ulimit -n`, or use fewer rings with fewer processes.',
      },
      { cause: error },
    )
  }

  release(side: RingSide, reason: 'over' | 'sealed'): number | null {
    this.#released.add(side)
    if (reason === 'sealed' || !this.#isHeld || this.#over.has(side)) return null
    // What is in a file is read by the next run.
    const isLost = side === 'read' && !this.#ring.isFile
    const unread = isLost ? Math.max(this.facts().queuedBytes!, ...this.#abandoned.values()) : null
    this.#over.add(side)
    this.#control.write(side === 'write' ? header.ended : header.unread, 1)
    this.#ringAll(otherOf(side))
    return unread
  }

  leave(side: RingSide, process: string): void {
    const index = this.#ring.slots[side].indexOf(process)
    if (!this.#isHeld || index < 0) return
    // In `share` mode it leaves nothing: others take it.
    const lag = side === 'read' && !this.#isShared(side) ? this.facts().ring?.lag[process] : undefined
    if (lag !== undefined) this.#abandoned.set(index, lag.bytes)
    this.#control.writeSlot(side, index, 'finished', 1)
    this.#bury(side, index)
  }

  mend(side: RingSide, process: string): void {
    const index = this.#ring.slots[side].indexOf(process)
    if (this.#isHeld && index >= 0) this.#bury(side, index)
  }

  /** The dead may have stored what they did and not rung. In `share` mode others take what it had taken. */
  #bury(side: RingSide, index: number, triesLeft = mostTries): void {
    const isShared = this.#isShared(side)
    // What it left behind may be at it still: then this comes again when nothing of it is left.
    if (isShared && this.#isInUse(side, index)) {
      this.#buryLater(side, index, triesLeft)
    } else {
      this.#control.writeSlot(side, index, 'alive', 0)
      if (isShared) repairClaims(this.#control.geometry, index, this.#control)
    }
    if (isShared) this.#ringAll(side)
    this.#ringAll(otherOf(side))
  }

  /** Or the kernel keeps the lock of the dead for a moment, while somebody such as `ps` looks at its memory. */
  #buryLater(side: RingSide, index: number, triesLeft: number): void {
    const epoch = this.#control.readSlot(side, index, 'epoch')
    const buryAgain = (): void => {
      if (this.#isHeld && this.#control.readSlot(side, index, 'epoch') === epoch) this.#bury(side, index, triesLeft - 1)
    }
    if (triesLeft > 0) setTimeout(buryAgain, retryDelayMs).unref()
  }

  state(side: RingSide, process: string): EndState {
    if (!this.#isHeld || this.#over.has(side)) return 'unknown'
    if (!this.#over.has(otherOf(side))) return 'open'
    return side === 'write' || !this.#hasUnread(process) ? 'ended' : 'unread'
  }

  #hasUnread(process: string): boolean {
    const { geometry } = this.#control
    const index = this.#ring.slots.read.indexOf(process)
    const snapshot = this.#control.snapshot()
    return Array.from({ length: geometry.writers }, (_, writer) => {
      const { tail, head } = snapshot.lane(writer)
      const heads = index < 0 ? [...this.#ring.slots.read.keys()] : [index]
      return geometry.mode === 'share'
        ? [head !== tail]
        : heads.map(reader => snapshot.cursor(writer, reader).head !== tail)
    }).some(lane => lane.includes(true))
  }

  facts(): LinkFacts {
    const { slots, hint } = this.#ring
    if (!this.#isHeld) return { ...hint, queuedBytes: null, capacityBytes: null }
    const facts = readRingFacts(this.#control, slots)
    // Once it is nobody's, what is in it was counted, or stays in its file.
    return { ...hint, ...facts, ...(this.#over.has('read') && { queuedBytes: null, messages: null }) }
  }

  async flush(): Promise<void> {
    if (this.#isHeld) await promisify(fdatasync)(this.#control.descriptor)
  }

  close(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    for (const descriptor of [this.#control.descriptor, ...this.#bells.write, ...this.#bells.read])
      closeSync(descriptor)
  }

  #isShared(side: RingSide): boolean {
    return side === 'read' && this.#control.geometry.mode === 'share'
  }

  /** Somebody has that end open. */
  #isInUse(side: RingSide, index: number): boolean {
    return isRangeLocked(this.#control.descriptor, { start: slotStart(side, index), length: 1 })
  }

  #ringAll(side: RingSide): void {
    ring(this.#bells[side], everybody)
  }
}

/** A writer from outside has one always. */
function noPlace(link: string, slots: RingSlots): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_LINK_USE', {
    link,
    what: 'read by anybody else',
    why: `each reader has a place of its own, and those are of ${slots.read.map(name => `"${name}"`).join(', ')}`,
    advice: 'Give the link to one more process of the config.',
  })
}
