/** What copying costs in one program: messages of a size, one after another, into memory of a size. */
import { LargeMessages } from './pattern.mjs'
import { report, run } from './program.mjs'

const measuredMs = 600

await run({
  copy({ bytes, intoBytes }) {
    const messages = new LargeMessages(bytes)
    const memory = Buffer.alloc(intoBytes)
    let count = 0
    const copyFor = ms => {
      count = 0
      const startMs = performance.now()
      while (performance.now() - startMs < ms) {
        count++
        messages.make(count).copy(memory, (count * bytes) % intoBytes)
      }
      return performance.now() - startMs
    }
    copyFor(300)
    const tookMs = copyFor(measuredMs)
    messages.check(memory.subarray((count * bytes) % intoBytes).subarray(0, bytes), count)
    report({ perSecond: (1000 * count) / tookMs })
  },
})
