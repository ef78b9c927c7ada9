/** The memory of a connection between two programs of one user: made by the caller, opened by the instance. */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { createMemory, isSizeSealed, reserveSpace, sealSize } from '../../platform/index.js'
import { mapAlone, type OwnMapping } from '../own-mapping.js'
import { explainDisagreement, hashName, initializeControl, magicBytes } from '../ring/index.js'
import { header, measure, slot } from '../ring/layout.js'
import { LineRings, lineGeometry } from './line-rings.js'
import type { RingOffer } from './wire.js'

/** Rings that were made and are not used yet. */
export interface OfferedRings {
  readonly rings: LineRings
  readonly offer: RingOffer
  /** The other side has opened them, or will not: nobody else can. */
  seal(): void
}

/**
 * @param wakePeer - the other side sleeps
 * @throws what the system says when there is no memory, or no descriptor
 */
export function makeRings(wakePeer: () => void): OfferedRings {
  const name = randomBytes(9).toString('base64url')
  const descriptors: number[] = []
  const mappings: OwnMapping[] = []
  const seal = (): void => {
    for (const descriptor of descriptors.splice(0)) closeSync(descriptor)
  }
  try {
    for (let count = 0; count < 2; count++) {
      descriptors.push(createMemory('ipcsup-service'))
      fill(descriptors[count]!, name)
      mappings.push(mapAlone(descriptors[count]!))
    }
    const [there, back] = descriptors as [number, number]
    return { rings: new LineRings(mappings[0]!, mappings[1]!, wakePeer), offer: { there, back, name }, seal }
  } catch (error) {
    seal()
    for (const mapping of mappings) mapping.unmap()
    throw error
  }
}

function fill(descriptor: number, name: string): void {
  reserveSpace(descriptor, measure(lineGeometry).bytes)
  // Nobody can cut it now, so no touch of it is ever a SIGBUS.
  sealSize(descriptor)
  writeSync(descriptor, initializeControl(lineGeometry, { writers: [name], readers: [name] }), 0, null, 0)
  writeSync(descriptor, magicBytes(), 0, null, 0)
}

/**
 * Opens what a caller offers: descriptors of that very process, whatever it says.
 *
 * @returns null: it cannot be used: another user's, of a process that is not seen from here, or something else
 */
export function openRings(pid: number, given: unknown, wakePeer: () => void): LineRings | null {
  const { there, back, name } = (given ?? {}) as Partial<Record<keyof RingOffer, unknown>>
  if (!isDescriptor(there) || !isDescriptor(back) || typeof name !== 'string' || pid <= 0) return null
  const mappings: OwnMapping[] = []
  try {
    for (const descriptor of [back, there]) mappings.push(openMemory(`/proc/${pid}/fd/${descriptor}`, name))
    return new LineRings(mappings[0]!, mappings[1]!, wakePeer)
  } catch {
    for (const mapping of mappings) mapping.unmap()
    return null
  }
}

const isDescriptor = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0

function openMemory(path: string, name: string): OwnMapping {
  // Should it be something else: to open that must neither wait nor do anything.
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const { size } = fstatSync(descriptor)
    if (size !== measure(lineGeometry).bytes || !isSizeSealed(descriptor)) throw new Error('It is no such memory')
    const mapping = mapAlone(descriptor)
    const why = explainDisagreement(mapping.memory, lineGeometry) ?? explainName(mapping.memory, name)
    if (why === null) return mapping
    mapping.unmap()
    throw new Error(why)
  } finally {
    closeSync(descriptor)
  }
}

function explainName(memory: ArrayBuffer, name: string): string | null {
  const found = new DataView(memory).getUint32(header.writerSlots + slot.name, true)
  return found === hashName(name) ? null : 'it is of another connection'
}
