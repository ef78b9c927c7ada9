/**
 * Changes named cells of the table of transitions and lines of the closing of links, one at a time, in a copy of the
 * tree; the tests of the brain must fail for each. `npm run test:mutants [name …]`
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const table = 'src/supervisor/brain/transitions.ts'
const links = 'src/supervisor/brain/links.ts'
const brain = 'src/supervisor/brain/brain.ts'
const consequences = 'src/supervisor/brain/consequences.ts'
const instances = 'src/supervisor/brain/instances.ts'
const machine = 'src/supervisor/brain/machine.ts'
const resets = 'src/supervisor/brain/resets.ts'
const routes = 'src/supervisor/brain/routes.ts'

/** A cell of the table: `from` is what stands there, within the block of its state. */
const cell = (state, event, from, to) => ({
  name: `${state} × ${event}`,
  file: table,
  within: `  ${state}: {`,
  from: `${event}: ${from},`,
  to: `${event}: ${to},`,
})
const line = (name, file, from, to) => ({ name, file, from, to })

const mutants = [
  cell('waiting', 'end', "go('byVerdict', 'cancel', 'finish')", "go('parked')"),
  cell('starting', 'turn', "stop('finish')", "stop('again')"),
  cell('starting', 'restart', "stop('again')", "'ignored'"),
  cell('running', 'park', "stop('park', 'terminate')", "go('parked')"),
  cell('running', 'succeeded', "go('completed', 'finish')", "go('completed')"),
  cell('running', 'crashedLeaving', "stop('delay', 'terminate')", "go('delayed', 'delay')"),
  cell('running', 'turn', "stop('finish', 'terminate')", "stop('again', 'terminate')"),
  cell('running', 'ready', "go('ready')", "'ignored'"),
  cell('ready', 'crashed', "go('delayed', 'delay')", "go('failed', 'finish')"),
  cell('ready', 'park', "stop('park', 'terminate')", "go('parked')"),
  cell('ready', 'turn', "stop('finish', 'terminate')", "stop('again', 'terminate')"),
  cell('stopping', 'ready', "'ignored'", "go('ready')"),
  cell('stopping', 'spawned', "go('stopping', 'terminate')", "'ignored'"),
  cell('stopping', 'overtime', "go('stopping', 'kill')", "'ignored'"),
  cell('delayed', 'turn', "go('byVerdict', 'cancel', 'finish')", "go('waiting', 'cancel')"),
  cell('parked', 'overtime', "go('parked', 'kill')", "'ignored'"),
  cell('parked', 'turn', "go('byVerdict', 'finish')", "'ignored'"),
  line(
    'a side closes when one user is over',
    links,
    "if (processes.every(name => this.#around.isOver(name))) return 'over'",
    "if (processes.some(name => this.#around.isOver(name))) return 'over'",
  ),
  line(
    'a sealed side stays held',
    links,
    'processes.every(name => this.#around.isOver(name) || this.#around.isSealed(name))',
    'processes.every(name => this.#around.isOver(name))',
  ),
  line('hold is not held', links, "if (link.plan.lifetime === 'hold' && !stopping) return null", ''),
  line('a closed side is forgotten', links, 'link.closed.add(side)', ''),
  line('who waits or is being stopped seals', brain, ' && isUp(state)', ''),
  line(
    'a need for readiness is met by a start',
    consequences,
    "condition === 'ready' && need.state === 'ready'",
    "condition === 'ready' && need.started",
  ),
  line(
    'a need that completed without a word is met',
    consequences,
    "return condition === 'ready' && !need.saidReady ? 'lost' : 'met'",
    "return 'met'",
  ),
  line('readiness survives a restart', machine, 'record.saidReady = false', ''),
  line(
    'the word of a former incarnation counts',
    instances,
    'if (instance?.generation !== event.generation) return',
    '',
  ),
  line('who waits for another is not looked at', machine, 'this.#reviewWhoWaits(record)', ''),
  line('who is still being stopped gets the old link', table, " || aim === 'again'", ''),
  line('a member that was ended by hand is called back', resets, 'member.endedByHand', 'false'),
  line(
    'who is started during a reset gets the old link',
    resets,
    'reset.members.has(record)',
    'reset.members.has(record) && record.generation > 0',
  ),
  line(
    'what was left loses its time',
    machine,
    'if (record.leftovers.length === 0) this.cancelTimer',
    'this.cancelTimer',
  ),
  line(
    'what was found after SIGKILL stays',
    instances,
    'if (record.cancelTimer === null) this.#machine.kill(record)',
    '',
  ),
  line('an end that the stop asked for is an event', routes, 'if (!record.turned) ', ''),
  line('the last of many calls is lost', routes, 'if (again) this.called(link)', ''),
  line('who does not run is signalled', routes, 'processes.filter(({ state }) => isUp(state))', 'processes'),
  line('the calling side of a route is closed', links, ' || link.plan.route !== null', ''),
]

function mutate(copy, { file, within, from, to }) {
  const path = join(copy, file)
  const original = readFileSync(path, 'utf8')
  const start = within === undefined ? 0 : original.indexOf(within)
  const at = original.indexOf(from, start)
  if (start < 0 || at < 0) throw new Error(`${file} has no \`${from}\`${within ? ` in \`${within.trim()}\`` : ''}`)
  writeFileSync(path, original.slice(0, at) + to + original.slice(at + from.length))
  return () => writeFileSync(path, original)
}

function isCaught(copy) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--bail', '1', 'test/supervisor/brain'], {
    cwd: copy,
    stdio: 'ignore',
  })
  return status !== 0
}

const wanted = process.argv.slice(2)
const copy = mkdtempSync(join(tmpdir(), 'ipcsup-mutants-'))
try {
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  if (isCaught(copy)) throw new Error('the tests of the brain fail without any mutant')
  // A line that has changed is said at once, not after those before it.
  for (const mutant of mutants) mutate(copy, mutant)()
  const survivors = []
  for (const mutant of mutants.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const undo = mutate(copy, mutant)
    const caught = isCaught(copy)
    undo()
    console.log(`${caught ? 'caught  ' : 'SURVIVED'}  ${mutant.name}`)
    if (!caught) survivors.push(mutant.name)
  }
  process.exitCode = survivors.length === 0 ? 0 : 1
} finally {
  rmSync(copy, { recursive: true, force: true })
}
