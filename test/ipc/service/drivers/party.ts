/**
 * A program that serves, or calls, and kills itself at a named step, once: at its `NTH` time, if `MARK` is not there yet.
 *
 *     party.mjs serve MEETING PROCESS GENERATION    (listening socket at descriptor 3)
 *     party.mjs call MEETING METHOD TEXT ID         prints {"value"} or {"code"}
 *
 * With `MEMORY` only what is said in memory counts: a caller first calls until it is there, and tells the server `begin`.
 */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { method } from '../../../../src/ipc/service/api.js'
import { openCallingEnd } from '../../../../src/ipc/service/end.js'
import { startService } from '../../../../src/ipc/service/server.js'
import { onStep } from '../../../../src/ipc/service/steps.js'
import { goOnInMemory } from '../memory.js'

const { KILL_AT, NTH = '1', MARK = '', EFFECTS = '', COMPACT_AT, MEMORY } = process.env
const [role, meeting = '', ...words] = process.argv.slice(2)

let reached = 0
let isAwaited = MEMORY === undefined
let counts = isAwaited
if (KILL_AT !== undefined)
  onStep(step => {
    counts ||= isAwaited && (step === 'call arrived, not read' || step === 'before the call is written')
    if (!counts || step !== KILL_AT || existsSync(MARK) || ++reached !== Number(NTH)) return
    writeFileSync(MARK, step)
    process.kill(process.pid, 'SIGKILL')
  })

const note = (text: string): string => {
  appendFileSync(EFFECTS, `${text}\n`)
  return text.toUpperCase()
}

if (role === 'serve')
  await startService(
    { descriptor: 3, meeting, process: words[0]!, generation: Number(words[1]) },
    {
      outside: method({}, (_, text: string) => note(text)),
      harmless: method({ idempotent: true }, (_, text: string) => note(text)),
      inside: method({ effects: 'store' }, ({ store }, text: string) => {
        store.append('effects', text)
        return text.toUpperCase()
      }),
      kept: method({ effects: 'store', idempotent: true }, ({ store }) => store.list('effects')),
      where: method({ idempotent: true }, () => words[0]),
      begin: () => {
        isAwaited = true
      },
    },
    { compactAtBytes: COMPACT_AT === undefined ? undefined : Number(COMPACT_AT) },
  )

if (role === 'call') {
  const [name = '', text, id] = words
  const end = openCallingEnd(meeting)
  if (MEMORY !== undefined) await goOnInMemory(end)
  isAwaited = true
  const said = await end.call(name, [text], { id }).then(
    value => ({ value }),
    ({ code, message }) => ({ code, message }),
  )
  process.stdout.write(`${JSON.stringify(said)}\n`)
}
