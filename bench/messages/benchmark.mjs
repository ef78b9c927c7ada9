/** `npm run bench -- messages`: rings, frames and services against what else carries messages, under a real supervisor. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchFolder } from '../harness.mjs'
import { measureSupervised } from '../supervised.mjs'
import { rows } from './rows.mjs'

const here = join(benchFolder, 'messages')

export const messages = {
  title: 'Messages, measured',
  file: 'MESSAGES.md',
  about:
    'Written by `npm run bench -- messages`, all in one run: each figure is the median of runs that alternate. Two programs under one supervisor, whatever they talk over; they are pinned to ' +
    'no processor. Every message is looked at where it is received, in the time that is measured; the first second is not, because programs are compiled then, by threads that take a processor from those that wait by looking.',
  rows,
  openWorkshop,
}

function openWorkshop() {
  const folder = mkdtempSync(join(tmpdir(), 'ipcsup-bench-messages-'))
  const peer = join(folder, 'peer')
  execFileSync('gcc', ['-O2', '-o', peer, join(here, 'peer.c')])
  return {
    folder,
    node: (file, program, options = {}) => [
      process.execPath,
      join(here, 'programs', `${file}.mjs`),
      program,
      JSON.stringify(options),
    ],
    c: program => [peer, program],
    measure: what => measureSupervised({ directory: folder, ...what }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
