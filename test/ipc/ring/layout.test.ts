import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  controlStart,
  cursor,
  cursorStart,
  type Geometry,
  header,
  lane,
  laneStart,
  magic,
  mark,
  measure,
  modes,
  mostSlots,
  poisons,
  reader,
  readerStart,
  record,
  slot,
  tags,
  version,
} from '../../../src/ipc/ring/layout.js'
import { bagBytes } from '../../../src/ipc/ring-bag.js'
import { findSection, readPage, readTable, repository } from '../../support/documents.js'
import { findCompilers } from './programs.js'

const directory = mkdtempSync(join(tmpdir(), 'ipcsup-layout-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** As the other languages call them: `lane.tail` is LANE_TAIL. */
const constants: Readonly<Record<string, number>> = {
  VERSION_MAJOR: version.major,
  VERSION_MINOR: version.minor,
  MOST_SLOTS: mostSlots,
  CONTROL_START: controlStart,
  BAG_BYTES: bagBytes,
  BAG_VERSION: 1,
  ...nameAll('MAGIC', magic),
  ...nameAll('HEADER', header),
  ...nameAll('SLOT', slot),
  ...nameAll('LANE', lane),
  ...nameAll('MARK', mark),
  ...nameAll('READER', reader),
  ...nameAll('CURSOR', cursor),
  ...nameAll('RECORD', record),
  ...nameAll('TAG', tags),
  ...nameAll('POISON', poisons),
  ...nameAll('MODE', Object.fromEntries(modes.map((mode, index) => [mode, index]))),
}

const shapes: readonly Geometry[] = [
  { capacity: 4096, writers: 1, readers: 1, mode: 'one', isLossy: false },
  { capacity: 65536, writers: 3, readers: 5, mode: 'each', isLossy: false },
  { capacity: 2 ** 20, writers: 32, readers: 32, mode: 'share', isLossy: false },
]
const places = shapes.flatMap(shape => {
  const { dataStart, bytes } = measure(shape)
  const { writers, readers } = shape
  return [
    laneStart(writers - 1),
    readerStart(shape, readers - 1),
    cursorStart(shape, writers - 1, readers - 1),
    dataStart,
    bytes,
  ]
})

describe('the layout of a ring', () => {
  test.each(findCompilers())(
    'is the same in C, compiled by $compiler as $standard',
    ({ compiler, standard, suffix }) => {
      const prints = Object.keys(constants).map(name => `  print("${name}", IPCSUP_RING_${name});`)
      const shown = shapes.map(
        ({ capacity, writers, readers }) =>
          `  show((ipcsup_ring_geometry){${capacity}, ${writers}, ${readers}, 0, 0});`,
      )
      const source = join(directory, `layout.${suffix}`)
      writeFileSync(
        source,
        program(
          prints,
          suffix === 'cpp' ? shown.map(line => line.replace('(ipcsup_ring_geometry)', 'ipcsup_ring_geometry')) : shown,
        ),
      )
      const strict = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', `-std=${standard}`]
      const binary = join(directory, `layout-${compiler}-${standard}`)
      execFileSync(compiler, [...strict, '-I', join(repository, 'include'), '-o', binary, source], { stdio: 'pipe' })
      expect(parse(execFileSync(binary, { encoding: 'utf8' }))).toEqual({ constants, places })
    },
  )

  test('is the same in Python', () => {
    const shown = shapes.map(
      ({ capacity, writers, readers }) => `Geometry(${capacity}, ${writers}, ${readers}, 0, False)`,
    )
    const source = `
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(join(repository, 'python'))})
import ipcsup_ring
from ipcsup_ring import Geometry
for name in ${JSON.stringify(Object.keys(constants))}:
    print(name, getattr(ipcsup_ring, name))
for shape in [${shown.join(', ')}]:
    w, r = shape.writers - 1, shape.readers - 1
    print('place', shape.lane(w), shape.reader(r), shape.cursor(w, r), shape.data_start, shape.bytes)
`
    expect(parse(execFileSync('/usr/bin/python3', ['-c', source], { encoding: 'utf8' }))).toEqual({ constants, places })
  })

  describe('on the page docs/ring-layout.md', () => {
    const page = readPage('docs/ring-layout.md')
    const { prose } = findSection(page, 'Where everything is')
    const tables = {
      Header: header,
      Slot: slot,
      Lane: lane,
      Mark: mark,
      Reader: reader,
      Cursor: cursor,
      Record: record,
    }

    test.each(Object.entries(tables))('has every word of %s, and no other', (title, words) => {
      const rows = readTable(prose, `**${title}**`)
      const shown = Object.fromEntries(rows.map(([offset, name]) => [name!.replaceAll('`', ''), Number(offset)]))
      const { bytes: _, alignment: __, ...offsets } = words as Record<string, number>
      expect(shown).toEqual(offsets)
    })

    test.each(Object.entries({ ...tables, Header: { bytes: controlStart } }))(
      'says how large %s is',
      (title, { bytes }) => {
        expect(prose).toContain(`**${title}**, ${bytes} bytes`)
      },
    )

    test.each(Object.entries({ tag: tags, poison: poisons }))('has every %s, and no other', (title, numbers) => {
      const rows = readTable(prose.slice(prose.search(new RegExp(`^\\| ${title} `, 'm'))), '')
      expect(Object.fromEntries(rows.map(([name, number]) => [name!.replaceAll('`', ''), Number(number)]))).toEqual(
        numbers,
      )
    })

    test('says where the parts are, and the version', () => {
      const rows = readTable(prose, 'The parts follow').map(([, start, bytes]) => [start, bytes])
      expect(rows.map(([, bytes]) => bytes)).toEqual(
        [controlStart, lane.bytes, reader.bytes, cursor.bytes, 'capacity'].map(String),
      )
      expect(rows[1]![0]).toBe(String(controlStart))
      expect(prose).toContain(`0x${magic.low.toString(16)}, and 0x${magic.high.toString(16)}`)
      expect(prose).toContain(`1 to ${mostSlots} writers`)
    })
  })
})

test('the page docs/ring-layout.md is of this version', () => {
  const [title] = readFileSync(join(repository, 'docs/ring-layout.md'), 'utf8').split('\n')
  expect(title).toBe(`# The layout of a ring, version ${version.major}.${version.minor}`)
})

function nameAll(group: string, words: Readonly<Record<string, number>>): Record<string, number> {
  const name = (word: string): string => word.replaceAll(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
  return Object.fromEntries(Object.entries(words).map(([word, value]) => [`${group}_${name(word)}`, value]))
}

function program(prints: readonly string[], shown: readonly string[]): string {
  return `#include "ipcsup_ring.h"
static void print(const char *name, unsigned value) { printf("%s %u\\n", name, value); }
static void show(ipcsup_ring_geometry shape) {
  uint32_t w = shape.writers - 1, r = shape.readers - 1;
  printf("place %zu %zu %zu %zu %zu\\n", ipcsup_ring__lane_at(w), ipcsup_ring__reader_at(&shape, r),
         ipcsup_ring__cursor_at(&shape, w, r), ipcsup_ring_data_start(&shape), ipcsup_ring_bytes(&shape));
}
int main(void) {
${prints.join('\n')}
${shown.join('\n')}
  return 0;
}
`
}

function parse(text: string): { constants: Record<string, number>; places: number[] } {
  const rows = text
    .trim()
    .split('\n')
    .map(line => line.split(' '))
  return {
    constants: Object.fromEntries(
      rows.filter(([name]) => name !== 'place').map(([name, value]) => [name, Number(value)]),
    ),
    places: rows.filter(([name]) => name === 'place').flatMap(([, ...values]) => values.map(Number)),
  }
}
