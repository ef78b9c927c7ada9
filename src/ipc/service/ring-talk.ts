/** How the two sides of a connection agree to go on in memory: `RingLine` of the wire says what they say. */
import { readPeer } from '../../platform/index.js'
import type { LineRings } from './line-rings.js'
import { encodeLine } from './lines.js'
import { makeRings, type OfferedRings, openRings } from './ring-offer.js'

export interface Talker {
  /** Behind all that was said. */
  say(line: string): void
  /** The other side sleeps. */
  ringBell(): void
  /** What was said last is the last at the socket. */
  onLeave(rings: LineRings): void
  /** The same of what the other side said. */
  onFollow(): void
}

export class RingTalk {
  readonly #descriptor: number
  readonly #talker: Talker
  #offered: OfferedRings | null = null
  /** Both sides have them. */
  #rings: LineRings | null = null
  #hasLeft = false
  #isFollowed = false

  /** @param descriptor - of the socket */
  constructor(descriptor: number, talker: Talker) {
    this.#descriptor = descriptor
    this.#talker = talker
  }

  offer(): void {
    if (this.#offered !== null || this.#rings !== null) return
    try {
      this.#offered = makeRings(() => this.#talker.ringBell())
    } catch {
      // Without memory for it, or descriptors, all stays at the socket.
      return
    }
    this.#talker.say(encodeLine({ ring: this.#offered.offer }))
  }

  hear(said: unknown): void {
    if (said === 'on') this.#follow()
    else if (this.#offered !== null) this.#settle(this.#offered, said === 'open')
    else if (this.#rings === null) this.#answer(said)
  }

  #settle({ rings, seal }: OfferedRings, isTaken: boolean): void {
    this.#offered = null
    seal()
    if (!isTaken) return rings.close()
    this.#rings = rings
    this.#leave(rings)
  }

  #answer(given: unknown): void {
    const { pid } = readPeer(this.#descriptor)
    this.#rings = openRings(pid, given, () => this.#talker.ringBell())
    this.#talker.say(encodeLine({ ring: this.#rings === null ? 'no' : 'open' }))
  }

  #leave(rings: LineRings): void {
    this.#hasLeft = true
    this.#talker.say(encodeLine({ ring: 'on' }))
    this.#talker.onLeave(rings)
  }

  #follow(): void {
    if (this.#rings === null || this.#isFollowed) return
    this.#isFollowed = true
    if (!this.#hasLeft) this.#leave(this.#rings)
    this.#talker.onFollow()
  }

  close(): void {
    this.#offered?.seal()
    this.#offered?.rings.close()
    this.#rings?.close()
    this.#offered = this.#rings = null
  }
}
