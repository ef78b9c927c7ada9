/** What `ipcsup advise` must know of a kind besides its form, sides, traits and handle. */
export interface Advice {
  /** Largest message that goes whole; null: any size, or there are no messages. */
  readonly largestMessageBytes: number | null
  /** What is in it is there again after the supervisor was stopped and started. */
  readonly outlivesStop: boolean
  /** Each of several readers gets everything; false: what one takes is gone for the others. */
  readonly copies: boolean
  /** What comes while there is no room is gone, and nobody is told. */
  readonly drops: boolean
  /** Programs on other machines reach it. */
  readonly leavesMachine: boolean
  /** What the supervisor must have to make it, such as a capability; null: nothing. */
  readonly privilege: string | null
  /** What each program must have to use it; null: nothing that its language does not have. */
  readonly library: string | null
}

/** Of most kinds. */
export const usualAdvice: Advice = {
  largestMessageBytes: null,
  outlivesStop: false,
  copies: false,
  drops: false,
  leavesMachine: false,
  privilege: null,
  library: null,
}

/** Of a packet of a Unix socket: what net.core.wmem_default lets through as a rule, 208 KiB with the kernel's overhead. */
export const largestPacketBytes = 200 * 1024
