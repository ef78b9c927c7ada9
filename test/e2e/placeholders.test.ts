import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSupervisor } from '../../src/index.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-placeholders-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const read = (name: string) => readFileSync(join(directory, name), 'utf8')

describe('§11 {link} stands for what a program that takes a file name wants', () => {
  it('diff {left} {right} compares what comes out of two pipes, as <( ) does in bash', async () => {
    const supervisor = createSupervisor(
      {
        links: { left: { kind: 'pipe' }, right: { kind: 'pipe' } },
        processes: {
          three: { command: 'seq 3', stdout: 'left' },
          four: { command: 'seq 4', stdout: 'right' },
          diff: {
            command: 'diff {left} {right}',
            links: { left: 'read', right: 'read' },
            stdout: { file: 'difference' },
            restart: 'never',
            cleanExits: [0, 1],
          },
        },
      },
      { directory },
    )
    await supervisor.start()
    expect((await supervisor.finished).ok).toBe(true)
    expect(read('difference')).toBe('3a4\n> 4\n')
  })

  it("awk '{print}' and find -exec {} + stay as they are", async () => {
    const supervisor = createSupervisor(
      {
        links: { lines: { kind: 'pipe' } },
        processes: {
          find: { command: `find /dev/null -exec printf '%s\\n' {} +`, stdout: 'lines' },
          awk: { command: `awk '{print}'`, stdin: 'lines', stdout: { file: 'found' } },
        },
      },
      { directory },
    )
    await supervisor.start()
    expect((await supervisor.finished).ok).toBe(true)
    expect(read('found')).toBe('/dev/null\n')
  })
})
