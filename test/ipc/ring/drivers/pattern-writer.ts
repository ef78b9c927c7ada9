/** Fills the ring at descriptor 3 with messages whose every word says which message it is. */

import { RingMemory, RingWriter } from '../../../../src/ipc/ring/index.js'
import { type Geometry, tags } from '../../../../src/ipc/ring/layout.js'
import { mapMemory } from '../../../../src/platform/index.js'

const geometry: Geometry = JSON.parse(process.argv[2]!)
const count = Number(process.argv[3])
const memory = mapMemory(3, 'write')
const writer = new RingWriter(new RingMemory(memory, geometry, 'pattern'), 0)
const words = new Int32Array(memory, writer.bytes.byteOffset, geometry.capacity / 4)

const nothing = new Int32Array(new SharedArrayBuffer(4))

for (let sequence = 1; sequence <= count; sequence++) {
  const length = 4 * (sequence % 50)
  let offset = writer.reserve(length)
  for (; offset < 0; offset = writer.reserve(length)) {
    writer.publish()
    // A reader may need this processor.
    Atomics.wait(nothing, 0, 0, 0.1)
  }
  for (let at = 0; at < length; at += 4) words[(offset + at) / 4] = sequence
  writer.commit(length, tags.bytes)
  if (writer.isDue()) writer.publish()
}
writer.publish()
