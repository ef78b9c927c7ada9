/** What somebody who sends frames has to know. */
import type { PayloadCodec } from '../codec.js'

export interface SenderSettings {
  readonly codec: PayloadCodec
  readonly isChecked: boolean
  /** Bytes, header included. */
  readonly largestFrame: number
  /** Each frame is a write of its own, because others write there too. */
  readonly isAtomic: boolean
  /** What is at the other end, as a noun of a sentence. */
  readonly what: string
  /** Its name, where it is known. */
  readonly link?: string | undefined
  /** What else there is for larger messages, as sentences. */
  readonly advice: string
}
