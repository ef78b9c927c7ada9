/**
 * `npm run bench [-- --only start100,restart] [-- --quick]`, `npm run bench -- messages …`, `npm run bench -- ipc …`: all rows
 * in one invocation, as Markdown on the terminal and in bench/RESULTS.md, MESSAGES.md or IPC.md. Install the peers first with
 * `npm run bench:setup`; one that is missing is left out and named. `--only` rows go to the terminal and leave the file as
 * it is; `--quick` does less and is for trying only.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alternate, benchFolder, openWorkshop, program, summarise } from './harness.mjs'
import { messages } from './messages/benchmark.mjs'
import { idle } from './rows/idle.mjs'
import { memory } from './rows/memory.mjs'
import { pipeline } from './rows/pipeline.mjs'
import { restart } from './rows/restart.mjs'
import { start100 } from './rows/start100.mjs'
import { start1000 } from './rows/start1000.mjs'
import { supervisors } from './supervisors.mjs'
import { format } from './verdict.mjs'

const processes = {
  title: 'Results',
  file: 'RESULTS.md',
  about:
    'Written by `npm run bench`, all in one run: each figure is the median of runs that alternate with those of the peers. Config of ipcsup in JSON, its logs on; children write ' +
    'nothing; services of s6 and runit are `#!/bin/sh` and `exec`, everything else has its defaults.',
  rows: { pipeline, start100, start1000, restart, memory, idle },
  openWorkshop,
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } },
})
const only = options.only?.split(',') ?? null
const isWhole = only === null && !options.quick

process.exitCode = await main()

async function main() {
  const name = positionals.join(' ')
  if (name === 'ipc') return measureOnlyLinks()
  if (name === 'messages') return measureRows(messages)
  if (name === '') return measureRows(processes)
  return complain(`There is no benchmark ${name}. There are, besides the one without a name: ipc, messages.`)
}

async function measureRows(benchmark) {
  const { rows, file } = benchmark
  const wanted = only ?? Object.keys(rows)
  const unknown = wanted.filter(name => !Object.hasOwn(rows, name))
  if (unknown.length > 0) return complain(`No row ${unknown.join(', ')}. Rows: ${Object.keys(rows).join(', ')}.`)
  build()
  if (!existsSync(program)) return complain(`${program} is missing.`)
  if (benchmark === processes) nameMissing()
  const parts = []
  for (const name of wanted) parts.push(await measureRow(rows[name], benchmark))
  const text = `${[describeRun(benchmark), ...(parts.length > 1 ? [summary(parts)] : []), ...parts.map(part => part.text)].join('\n\n')}\n`
  console.log(text)
  if (isWhole) writeFileSync(join(benchFolder, file), text)
  return parts.every(part => part.verdicts.every(({ isMet }) => isMet !== false)) ? 0 : 1
}

function nameMissing() {
  for (const { name, isThere } of Object.values(supervisors)) {
    if (!isThere()) console.error(`${name} is not installed: npm run bench:setup`)
  }
}

/** A benchmark of its own: it compares kinds of links with each other, not ipcsup with others. */
async function measureOnlyLinks() {
  const { findUnknown, measureLinks } = await import('./ipc/run.mjs')
  const unknown = findUnknown(only ?? [])
  if (unknown !== null) return complain(unknown)
  build()
  await measureLinks({ runs: options.quick ? 1 : 5, only, write: isWhole })
  return 0
}

function build() {
  execFileSync(process.execPath, [join(benchFolder, '../scripts/build.mjs')], { stdio: 'inherit' })
}

async function measureRow(row, benchmark) {
  const workshop = benchmark.openWorkshop()
  try {
    console.error(`measuring: ${row.title}`)
    const figures = await row.measure({ alternate, workshop, runs: options.quick ? 2 : 5, quick: options.quick })
    const results = Object.entries(figures).map(([subject, values]) => [subject, summarise(values)])
    const verdicts = row.judge(Object.fromEntries(results.map(([subject, { median }]) => [subject, median])))
    return { title: row.title, verdicts, text: describeRow(row, results, verdicts) }
  } catch (error) {
    // The rows measured before and after are worth having.
    console.error(error)
    const verdicts = [{ target: 'to be measured', reached: error.message, isMet: false }]
    return { title: row.title, verdicts, text: describeRow(row, [], verdicts) }
  } finally {
    workshop.remove()
  }
}

function describeRun({ title, about }) {
  const versions = [
    `Node ${process.versions.node}`,
    `Linux ${release()}`,
    `${cpus().length} × ${cpus()[0].model.trim()}`,
  ]
  return `# ${title}\n\n${versions.join(', ')}, ${Math.round(totalmem() / 2 ** 30)} GiB. ${about}`
}

function summary(parts) {
  const lines = parts.flatMap(({ title, verdicts }) =>
    verdicts.map(({ target, reached, isMet }) => `| ${title} | ${target} | ${reached} | ${say(isMet)} |`),
  )
  return ['| work | target | reached | met |', '|---|---|---|---|', ...lines].join('\n')
}

function describeRow({ title, about, ...row }, results, verdicts) {
  const targets = verdicts.map(({ target, reached, isMet }) => `- ${target}: ${reached}, ${say(isMet)}`)
  return [`## ${title}\n\n${about}\n`, ...makeTable(row, results), '', ...targets].join('\n')
}

/** Of a row that has columns each measurement gives several figures, of which the medians are shown. */
function makeTable({ unit, columns }, results) {
  const [heads, listCells] =
    columns === undefined
      ? [[unit, 'median', 'min', 'max'], ({ median, min, max }) => [median, min, max]]
      : [['', ...Object.values(columns)], ({ median }) => Object.keys(columns).map(key => median[key])]
  const lines = results.map(([subject, { runs, ...figures }]) => [subject, ...listCells(figures).map(format), runs])
  return [[...heads, 'runs'], [...heads, 'runs'].map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`)
}

function say(isMet) {
  return isMet === null ? 'not measured' : isMet ? 'met' : '**not met**'
}

function complain(text) {
  console.error(text)
  return 2
}
