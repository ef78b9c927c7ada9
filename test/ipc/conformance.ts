/**
 * What every kind of link must do, for one variant of its options: what is true of its object whatever it carries, and
 * then what its form promises. Nothing here knows the name of a kind.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { IpcsupError } from '../../src/errors.js'
import type { Form, Kind, LinkObject, NamedObject } from '../../src/ipc/kind.js'
import { identify } from '../../src/ipc/named-objects.js'
import type { LinkOptions } from '../../src/ipc/options.js'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../src/platform/index.js'
import { listOpenDescriptors } from '../support/host.js'
import { calls } from './forms/calls.js'
import { channel } from './forms/channel.js'
import { counter } from './forms/counter.js'
import { datagrams } from './forms/datagrams.js'
import { flow } from './forms/flow.js'
import { listener } from './forms/listener.js'
import { mailbox } from './forms/mailbox.js'
import { memory } from './forms/memory.js'
import { permits } from './forms/permits.js'
import { ring } from './forms/ring.js'
import { route } from './forms/route.js'
import { makeSubject, type Subject } from './subject.js'
import { makeDirectory, makeWhere } from './support.js'

const forms: Readonly<Partial<Record<Form, (subject: Subject) => void>>> = {
  memory,
  listener,
  permits,
  counter,
  stream: flow,
  route,
  messages: subject => (subject.traits.showsEnd ? flow(subject) : mailbox(subject)),
  channel,
  datagrams,
  ring,
  calls,
}

export function conformance(kind: Kind, variant: string): void {
  const subject = makeSubject(kind, variant)
  const { options, sides } = subject
  /** Sides at which a child gets a descriptor. */
  const given = Object.keys(sides).filter(side => sides[side]!.descriptor)

  describe.skipIf(needsPrivilege(kind, options))(`${kind.name} (${variant})`, () => {
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
        // What has neither a name nor a descriptor is not to be told apart, nor to be mixed up.
        if (JSON.stringify(names[0]) !== '[{},[]]') expect(names[0]).not.toEqual(names[1])
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

/** True of what only root may make, such as a raw socket, for a user who is not root. */
function needsPrivilege(kind: Kind, options: LinkOptions): boolean {
  if (process.getuid!() === 0) return false
  try {
    kind.create(options, makeWhere(makeDirectory())).destroy()
    return false
  } catch (error) {
    return ((error as Error).cause as IpcsupError | undefined)?.detail?.['errno'] === 'EPERM'
  }
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
  const { readlinkSync, readFileSync } = process.getBuiltinModule('fs')
  // What has no inode of its own has a number here.
  const number = /^\S+-id:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))
  return `${readlinkSync(`/proc/self/fd/${descriptor}`)} ${number ?? ''}`
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
