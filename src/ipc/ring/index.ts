/**
 * The core of a ring: positions, records and marks in shared memory, without descriptors, bells or waiting. It survives
 * the death of any of its users between any two stores.
 *
 * ```
 * const memory = new RingMemory(arrayBuffer, geometry, 'orders')   // after explainDisagreement(...) === null
 *
 * const writer = new RingWriter(memory, 0)
 * let offset = writer.reserve(5)                                   // -1: ring(writer.publish()), and once more; then wait
 * writer.bytes.latin1Write('hello', offset)
 * writer.commit(5, tags.text)
 * if (writer.isDue()) ring(writer.publish())
 *
 * const reader = openReader(memory, 0)
 * while (reader.next()) use(reader.source, reader.offset, reader.length)
 * ring(reader.ackAll())
 * ```
 */
export { explainDisagreement, hashName, initializeControl, magicBytes, type SlotNames } from './initialize.js'
export { RingMemory } from './memory.js'
export { openReader } from './open-reader.js'
export type { Reader } from './reader.js'
export { repairClaims, type SharedWordAccess } from './repair.js'
export { RingWriter } from './writer.js'
