/** What the programs of this benchmark share: `node FILE PROGRAM [OPTIONS]`, options as JSON. */
import { writeSync } from 'node:fs'
import { argv } from 'node:process'

const isOver = new Set(['IPCSUP_ERR_NO_READER', 'ERR_IPC_CHANNEL_CLOSED', 'EPIPE'])

/** @param programs - name → what it does with its options; one that measures ends by `report` */
export async function run(programs) {
  const [, , name, options = '{}'] = argv
  process.on('uncaughtException', endQuietly)
  await Promise.resolve(programs[name](JSON.parse(options))).catch(endQuietly)
}

/** Who measured has ended, which is no error. */
function endQuietly(error) {
  if (!isOver.has(error.code)) console.error(error)
  process.exit(isOver.has(error.code) ? 0 : 1)
}

/** @param figures - by name */
export function report(figures) {
  writeSync(1, `${JSON.stringify(figures)}\n`)
  process.exit()
}

/** Not measured: programs are compiled then, by threads that take a processor from those that wait by looking. */
export const warmUpMs = 1000
const measuredMs = 600
const messagesBetweenLooks = 64

/** Counts what was received; the first ones are not measured, because they run before the program is compiled. */
export class Meter {
  #count = 0
  #nextLook
  #stride
  #startMs = 0
  #startCount = 0
  #firstMs = 0

  /** @param stride - messages between two looks at the clock */
  constructor(stride = messagesBetweenLooks) {
    this.#stride = this.#nextLook = stride
  }

  /** The number of the next message, from 1. What was received before it is counted. */
  next() {
    if (this.#count === this.#nextLook) this.#look()
    return ++this.#count
  }

  #look() {
    this.#nextLook += this.#stride
    const now = performance.now()
    if (this.#firstMs === 0) this.#firstMs = now
    if (this.#startMs === 0 && now - this.#firstMs >= warmUpMs) {
      this.#startMs = now
      this.#startCount = this.#count
    }
    if (this.#startMs > 0 && now - this.#startMs >= measuredMs)
      report({ perSecond: (1000 * (this.#count - this.#startCount)) / (now - this.#startMs) })
  }
}
