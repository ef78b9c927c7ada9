/**
 * `npm run bench -- ipc [--only lock,raw] [--quick]`: how fast each kind of link is, Node to Node and C to C, under a real
 * supervisor. One way and there and back, for messages of 64 B to 1 MiB; medians of runs that alternate. Writes
 * bench/IPC.md, and what `ipcsup advise` shows; with `--only` or `--quick` it only prints.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchFolder, summarise } from '../harness.mjs'
import { measureSupervised } from '../supervised.mjs'
import { format } from '../verdict.mjs'
import { fits, sizes, subjects } from './subjects.mjs'

const folder = join(benchFolder, 'ipc')

/** Of a word of `--only`: a kind, or a kind and its variant. */
const isMeant =
  word =>
  ({ name }) =>
    name === word || name.split(' ')[0] === word

/** What is wrong with the words of `--only`; null: nothing. */
export function findUnknown(only) {
  const unknown = only.filter(word => !subjects.some(isMeant(word)))
  return unknown.length === 0
    ? null
    : `No link ${unknown.join(', ')}. Links: ${subjects.map(({ name }) => name).join(', ')}.`
}

/** @param only - words of `--only`; null: all that there are */
export async function measureLinks({ runs, only, write }) {
  const { createSupervisor } = await import('../../dist/index.js')
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-bench-ipc-'))
  try {
    const peer = join(directory, 'peer')
    execFileSync('gcc', ['-O2', '-o', peer, join(folder, 'peer.c'), '-lrt', '-lpthread'])
    const commands = { C: [peer], Node: [process.execPath, join(folder, 'peer.mjs')] }
    const wanted = only === null ? subjects : subjects.filter(subject => only.some(word => isMeant(word)(subject)))
    const possible = []
    for (const subject of wanted) if (await isAllowed(createSupervisor, directory, subject)) possible.push(subject)
    const cases = possible.flatMap(subject =>
      sizes
        .filter(size => fits(subject, size))
        .flatMap(size => Object.keys(commands).map(language => ({ subject, size, language, figures: [] }))),
    )
    for (let run = 0; run < runs; run++) {
      for (const one of cases) {
        const mechanism = one.language === 'C' ? one.subject.c : one.subject.node
        if (mechanism === null) continue
        const command = [...commands[one.language], mechanism]
        one.figures.push(await measure(directory, one.subject, one.size, command))
      }
      console.error(`run ${run + 1} of ${runs}`)
    }
    const rows = cases.filter(({ figures }) => figures.length > 0).map(summariseCase)
    const text = describe(rows)
    console.log(text)
    if (write) record(rows, text)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A row that needs a right which this user does not have is left out, and named. */
async function isAllowed(createSupervisor, directory, { name, links, needsPrivilege }) {
  if (!needsPrivilege) return true
  const sides = { there: 'bind', back: 'bind' }
  const supervisor = createSupervisor(
    { name: 'bench', links: links(0), processes: { one: { command: 'true', links: sides, restart: 'never' } } },
    { directory },
  )
  try {
    await supervisor.start()
    return true
  } catch (error) {
    if (error.code !== 'IPCSUP_ERR_LINK_CREATE') throw error
    console.error(`${name} is left out: ${error.message}`)
    return false
  } finally {
    await supervisor.stop({ kill: true })
  }
}

async function measure(directory, { name, links, ping, pong }, size, command) {
  const program = role => [...command, role, String(size)]
  try {
    return await measureSupervised({
      directory,
      links: links(size),
      processes: { pong: { command: program('pong'), links: pong }, ping: { command: program('ping'), links: ping } },
    })
  } catch (error) {
    throw new Error(`${name}, ${size} B: ${error.message}`, { cause: error })
  }
}

function summariseCase({ subject, size, language, figures }) {
  const median = key => (figures[0][key] === null ? null : summarise(figures.map(each => each[key])).median)
  return { name: subject.name, size, language, rate: median('rate'), p50Us: median('p50Us'), p99Us: median('p99Us') }
}

function describe(rows) {
  const lines = rows.map(
    ({ name, size, language, rate, p50Us, p99Us }) =>
      `| ${name} | ${language} | ${size.toLocaleString('en')} | ${rate === null ? '' : format(rate)} | ${format(p50Us)} | ${format(p99Us)} |`,
  )
  return `# Links, measured

Node ${process.versions.node}, Linux ${release()}, ${cpus().length} × ${cpus()[0].model.trim()}. Written by \`npm run bench -- ipc\`, all in one run: medians of runs that alternate. Two programs under a supervisor; one way: a
stream of messages, as fast as they go; there and back: one message and its answer. Sizes that a kind cannot carry are left out. Memory (\`shm\`, \`file\`) is spun
on by both sides. What has no bytes: a \`semaphore\` and a \`lock\` have, in the place of one way, how often one that nobody else wants is taken and given back;
there and back, a permit is given and another one waited for, or a lock is handed over and another one comes back (three locks in a ring). A C program sleeps until it
is its turn, a Node program asks again and again. A \`signal\` goes by way of the supervisor, and so does its answer;
for one that ends programs by default (\`SIGHUP\` is what a route sends if nothing is said) the supervisor looks for what has left the process group as well.

| link | both ends | bytes | one way, messages/s | there and back, p50 µs | p99 µs |
|---|---|---|---|---|---|
${lines.join('\n')}
`
}

function record(rows, text) {
  writeFileSync(join(benchFolder, 'IPC.md'), text)
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
