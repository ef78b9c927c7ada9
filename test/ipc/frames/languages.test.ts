/** Frames between programs of different languages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readPage } from '../../support/documents.js'
import { createTestHost } from '../../support/host.js'
import { findLanguages, fixtures } from '../languages.js'
import { magicBytes } from './frames.js'

const languages = Object.entries(findLanguages('frames')).filter(([name]) => name !== 'PHP')
const count = 3_000

const payloads = Array.from({ length: count }, (_, number) =>
  number % 10 === 3 ? Buffer.concat(Array(number % 5).fill(magicBytes)) : Buffer.from(`${number} `.repeat(number % 50)),
)
const wanted = `${count} ${count} ${crc32(Buffer.concat(payloads))}\n`

describe.each(languages)('from %s', (_, sender) => {
  test.each(languages)('to %s every message comes as it was sent', async (_, receiver) => {
    await using host = createTestHost({
      links: { data: { kind: 'pipe', frame: 'checked' } },
      processes: {
        send: { command: [...sender('send'), String(count)], links: { data: 'write' } },
        receive: { command: receiver('receive'), links: { data: 'read' } },
      },
    })
    await host.openAll()
    await host.spawn('receive')
    await host.run('send')
    await host.call({ type: 'release', link: 'data', generation: 1, side: 'write', reason: 'over' }, 'released')
    await host.exited('receive')
    expect(await host.text('receive')).toBe(wanted)
  })
})

test('the page has the Python program that is tried here', () => {
  const blocks = readPage('docs/frames.md').sections.flatMap(section => section.blocks)
  const [shown] = blocks.filter(block => block.language === 'python' && block.text.includes('def read_frames'))
  expect(shown!.text.trimEnd()).toBe(readFileSync(join(fixtures, 'frames/frames.py'), 'utf8').trimEnd())
})
