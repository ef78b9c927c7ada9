/**
 * `npm run bench -- ipc`: how fast each kind of link is, Node to Node and C to C, under a real supervisor. One way and
 * there and back, for messages of 64 B to 1 MiB; medians of runs that alternate. Writes bench/IPC.md, and what
 * `ipcsup advise` shows.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchFolder, summarise } from '../harness.mjs'
import { format } from '../verdict.mjs'
import { fits, sizes, subjects } from './subjects.mjs'

const folder = join(benchFolder, 'ipc')

export async function measureLinks({ runs }) {
  const { createSupervisor } = await import('../../dist/index.js')
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-bench-ipc-'))
  try {
    const peer = join(directory, 'peer')
    execFileSync('gcc', ['-O2', '-o', peer, join(folder, 'peer.c'), '-lrt', '-lpthread'])
    const commands = { C: [peer], Node: [process.execPath, join(folder, 'peer.mjs')] }
    const cases = subjects.flatMap(subject =>
      sizes
        .filter(size => fits(subject, size))
        .flatMap(size => Object.keys(commands).map(language => ({ subject, size, language, figures: [] }))),
    )
    for (let run = 0; run < runs; run++) {
      for (const one of cases) {
        const mechanism = one.language === 'C' ? one.subject.c : one.subject.node
        if (mechanism === null) continue
        const command = [...commands[one.language], mechanism]
        one.figures.push(await measure(createSupervisor, directory, one.subject, one.size, command))
      }
      console.error(`run ${run + 1} of ${runs}`)
    }
    const rows = cases.filter(({ figures }) => figures.length > 0).map(summariseCase)
    report(rows)
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(createSupervisor, directory, subject, size, command) {
  const process_ = (role, more) => ({
    command: [...command, role, String(size)],
    links: subject[role],
    restart: 'never',
    stderr: 'inherit',
    ...more,
  })
  const supervisor = createSupervisor(
    {
      name: 'bench',
      links: subject.links(size),
      processes: { pong: process_('pong'), ping: process_('ping', { stdout: { file: 'figures.json' } }) },
      logs: { directory: join(directory, 'logs') },
    },
    { directory },
  )
  const measured = new Promise(resolve => {
    supervisor.on('state', ({ process, to }) => {
      if (process === 'ping' && (to === 'completed' || to === 'failed')) resolve()
    })
  })
  await supervisor.start()
  try {
    await measured
    return JSON.parse(readFileSync(join(directory, 'figures.json'), 'utf8'))
  } catch (error) {
    throw new Error(`${subject.name}, ${size} B, ${command.join(' ')}: ${error.message}`, { cause: error })
  } finally {
    await supervisor.stop({ kill: true })
  }
}

function summariseCase({ subject, size, language, figures }) {
  const median = key => (figures[0][key] === null ? null : summarise(figures.map(each => each[key])).median)
  return { name: subject.name, size, language, rate: median('rate'), p50Us: median('p50Us'), p99Us: median('p99Us') }
}

function report(rows) {
  const lines = rows.map(
    ({ name, size, language, rate, p50Us, p99Us }) =>
      `| ${name} | ${language} | ${size.toLocaleString('en')} | ${rate === null ? '' : format(rate)} | ${format(p50Us)} | ${format(p99Us)} |`,
  )
  const text = `# Links, measured

Node ${process.versions.node}, Linux ${release()}, ${cpus().length} × ${cpus()[0].model.trim()}. Written by \`npm run bench -- ipc\`, all in one run: medians of runs that alternate. Two programs under a supervisor; one way: a
stream of messages, as fast as they go; there and back: one message and its answer. Sizes that a kind cannot carry are left out. \`shm\` spins on both sides; a
semaphore is asked again and again by a Node program.

| link | both ends | bytes | one way, messages/s | there and back, p50 µs | p99 µs |
|---|---|---|---|---|---|
${lines.join('\n')}
`
  writeFileSync(join(benchFolder, 'IPC.md'), text)
  console.log(text)
  const ofNode = groupBy(
    rows.filter(({ language }) => language === 'Node'),
    ({ name }) => name,
  )
  const byName = Object.fromEntries(Object.entries(ofNode).map(([name, found]) => [name, found.map(round)]))
  const path = join(benchFolder, '../src/cli/advise/figures.ts')
  const source = readFileSync(path, 'utf8')
  const table = `export const figures: Readonly<Record<string, Figures>> = ${JSON.stringify(byName)}\n`
  writeFileSync(path, source.slice(0, source.indexOf('export const figures')) + table)
  execFileSync(join(benchFolder, '../node_modules/.bin/biome'), ['format', '--write', path], { stdio: 'inherit' })
}

function round({ size, rate, p50Us, p99Us }) {
  const digits = value => (value === null ? null : Number(value.toPrecision(3)))
  return [size, digits(rate), digits(p50Us), digits(p99Us)]
}

/** Object.groupBy came with Node 21. */
function groupBy(rows, keyOf) {
  const groups = {}
  for (const row of rows) groups[keyOf(row)] = [...(groups[keyOf(row)] ?? []), row]
  return groups
}
