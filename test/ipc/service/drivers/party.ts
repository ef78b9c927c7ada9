/**
 * A program that serves, or calls, and kills itself at a named step, once: at its `NTH` time, if `MARK` is not there yet.
 *
 *     party.mjs serve MEETING PROCESS GENERATION    (listening socket at descriptor 3)
 *     party.mjs call MEETING METHOD TEXT ID         prints {"value"} or {"code"}
 */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { method } from '../../../../src/ipc/service/api.js'
import { openCallingEnd } from '../../../../src/ipc/service/end.js'
import { startService } from '../../../../src/ipc/service/server.js'
import { onStep } from '../../../../src/ipc/service/steps.js'

const { KILL_AT, NTH = '1', MARK = '', EFFECTS = '', COMPACT_AT } = process.env
const [role, meeting = '', ...words] = process.argv.slice(2)

let reached = 0
if (KILL_AT !== undefined)
  onStep(step => {
    if (step !== KILL_AT || existsSync(MARK) || ++reached !== Number(NTH)) return
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
      where: () => words[0],
    },
    { compactAtBytes: COMPACT_AT === undefined ? undefined : Number(COMPACT_AT) },
  )

if (role === 'call') {
  const [name = '', text, id] = words
  const said = await openCallingEnd(meeting)
    .call(name, [text], { id })
    .then(
      value => ({ value }),
      ({ code, message }) => ({ code, message }),
    )
  process.stdout.write(`${JSON.stringify(said)}\n`)
}
