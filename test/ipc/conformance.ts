/**
 * What every kind of link must do, for one variant of its options: what is true of its object whatever it carries, and
 * then what its form promises. Nothing here knows the name of a kind.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Form, Kind, LinkObject, LinkOptions, NamedObject } from '../../src/ipc/kind.js'
import { identify } from '../../src/ipc/named-objects.js'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../src/platform/index.js'
import { listOpenDescriptors } from '../support/host.js'
import { flow } from './forms/flow.js'
import { makeSubject, type Subject } from './subject.js'
import { makeDirectory, makeWhere } from './support.js'

const forms: Readonly<Partial<Record<Form, (subject: Subject) => void>>> = { stream: flow, messages: flow }

export function conformance(kind: Kind, variant: string): void {
  const subject = makeSubject(kind, variant)
  const { options, sides } = subject
  /** Sides at which a child gets a descriptor. */
  const given = Object.keys(sides).filter(side => sides[side]!.descriptor)

  describe(`${kind.name} (${variant})`, () => {
    describe('its object', () => {
      test('is made with a descriptor for each side and gone without a trace, however often it is destroyed', () => {
        const { before, look, object } = create(kind, options)
        for (const side of given) take(object, side)
        object.destroy()
        object.destroy()
        expect(look()).toEqual(before)
      })

      test('is released side by side, however often', () => {
        const { before, look, object } = create(kind, options)
        for (const side of [...Object.keys(sides), ...Object.keys(sides)]) object.release(side, 'over')
        for (const side of Object.keys(sides)) expect(object.state(side)).toBe('unknown')
        for (const side of given) expect(() => object.take(side)).toThrow(/closed/)
        object.destroy()
        expect(look()).toEqual(before)
      })

      test('is made twice side by side, each its own', () => {
        const [one, two] = [create(kind, options, 'one'), create(kind, options, 'two')]
        const taken = [one, two].map(({ object }) => given.map(side => object.take(side)))
        const names = [one, two].map(({ object }, index) => [object.hint(), taken[index]!.map(identifyDescriptor)])
        expect(names[0]).not.toEqual(names[1])
        for (const { object } of [one, two]) object.destroy()
        closeAll(taken.flat())
      })

      test('leaves nothing behind when its making fails half-way, wherever that is', () => {
        const own = readOpenFilesLimit()
        let failures = 0
        for (let spare = 0; ; spare++) {
          const directory = makeDirectory()
          const recorded: NamedObject[] = []
          const before = listOpenDescriptors()
          const highest = Math.max(...before.map(row => Number.parseInt(row, 10)))
          // Numbers are given from the lowest free one: fill the gaps with the limit itself.
          changeOpenFilesLimit({ soft: lowestFree(before, spare, highest), hard: own.hard })
          let object: LinkObject | null = null
          try {
            object = kind.create(options, makeWhere(directory, { record: made => void recorded.push(made) }))
          } catch {
            failures++
          } finally {
            changeOpenFilesLimit(own)
          }
          if (object) {
            object.destroy()
            break
          }
          expect([listOpenDescriptors(), readdirSync(directory), listPresent(recorded)]).toEqual([before, [], []])
        }
        if (given.length > 0) expect(failures).toBeGreaterThan(0)
      })

      test('tells its facts and its handle as plain data', () => {
        const { object } = create(kind, options)
        const facts = object.facts()
        expect(JSON.parse(JSON.stringify([facts, object.hint()]))).toEqual([facts, object.hint()])
        object.destroy()
        expect(object.facts()).toMatchObject({ ...object.hint(), queuedBytes: null, capacityBytes: null })
      })
    })

    forms[subject.form]!(subject)
  })
}

/** The object alone, with what is open and what lies around before and after. */
function create(kind: Kind, options: LinkOptions, link = 'data') {
  const directory = makeDirectory()
  const recorded: NamedObject[] = []
  const look = (): unknown => [listOpenDescriptors(), readdirSync(directory), listPresent(recorded)]
  const before = look()
  const where = makeWhere(directory, {
    link,
    uniqueName: `ipcsup.test.${process.pid}.${link}`,
    record: made => void recorded.push(made),
  })
  return { before, look, object: kind.create(options, where) }
}

function take(object: LinkObject, side: string): void {
  closeAll([object.take(side)])
}

function closeAll(descriptors: readonly number[]): void {
  const { closeSync } = process.getBuiltinModule('fs')
  for (const descriptor of descriptors) closeSync(descriptor)
}

function identifyDescriptor(descriptor: number): string {
  return process.getBuiltinModule('fs').readlinkSync(`/proc/self/fd/${descriptor}`)
}

/** Names of those that something is still there by. */
function listPresent(objects: readonly NamedObject[]): string[] {
  return objects.filter(({ type, name }) => identify(type, name) !== null).map(({ name }) => name)
}

/** The limit under which exactly `spare` more descriptors can be opened. */
function lowestFree(open: readonly string[], spare: number, highest: number): number {
  const used = new Set(open.map(row => Number.parseInt(row, 10)))
  let left = spare
  for (let number = 0; number <= highest + spare; number++) {
    if (used.has(number)) continue
    if (left-- === 0) return number
  }
  return highest + spare + 1
}
