/**
 * The demo: which words stand how often in the text files that `npm install` left behind?
 *
 *              documents   read-documents (Python)
 *   list (sh)  licences    read-licences (sh)       records   fold (Python)  folded    count (awk)  counts   table (Node)
 *              code        read-code (Node)                   crashes        a FIFO
 *
 * `fold` kills itself four times, and you may kill it as often as you like: its pipes outlive it, its neighbours wait, and
 * `verify` finds the counts equal to those of a plain `sort | uniq -c` (else the whole run ends with status 1).
 *
 * The other stages hold data in memory as most programs do. Kill one of those and its work is gone: their policy is
 * `never`, so the run fails instead of giving a wrong result.
 */
import { defineConfig } from 'ipcsup'

const restart = 'never'

export default defineConfig({
  name: 'demo',
  links: {
    documents: { kind: 'pipe' },
    licences: { kind: 'pipe' },
    code: { kind: 'pipe' },
    records: { kind: 'pipe', writers: 'lines' },
    folded: { kind: 'fifo', path: 'fixtures/demo/folded.fifo' },
    counts: { kind: 'pipe' },
  },
  processes: {
    list: {
      command: 'sh fixtures/demo/list.sh',
      links: { documents: 'write', licences: 'write', code: 'write' },
      restart,
    },
    'read-documents': {
      command: '/usr/bin/python3 fixtures/demo/read-documents.py',
      stdin: 'documents',
      stdout: 'records',
      restart,
    },
    'read-licences': { command: 'sh fixtures/demo/read-licences.sh', stdin: 'licences', stdout: 'records', restart },
    'read-code': { command: 'node fixtures/demo/read-code.mjs', stdin: 'code', stdout: 'records', restart },
    fold: {
      command: '/usr/bin/python3 fixtures/demo/fold.py',
      stdin: 'records',
      stdout: 'folded',
      // Somebody who tries `kill -9` may try it often.
      restart: { policy: 'on-failure', initial: '100ms', max: '300ms', limit: 100 },
    },
    // A program that takes a file name gets the link by its name.
    count: { command: 'awk -f fixtures/demo/count.awk {folded}', links: { folded: 'read' }, stdout: 'counts', restart },
    table: { command: 'node fixtures/demo/table.mjs', stdin: 'counts', stdout: 'inherit', restart },
    verify: { command: 'sh fixtures/demo/verify.sh', needs: { table: 'completed' }, stdout: 'inherit', restart },
  },
})
