/**
 * `npm run bench [-- --only start100,restart] [-- --quick]`, `npm run bench -- ipc [--only lock,raw] [--quick]`: all rows in one invocation, as Markdown on the terminal and in
 * bench/RESULTS.md. Install the peers first with `npm run bench:setup`; one that is missing is left out and named.
 * `--only` rows go to the terminal and leave RESULTS.md as it is; `--quick` does less and is for trying only.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alternate, benchFolder, openWorkshop, program, summarise } from './harness.mjs'
import { idle } from './rows/idle.mjs'
import { memory } from './rows/memory.mjs'
import { pipeline } from './rows/pipeline.mjs'
import { restart } from './rows/restart.mjs'
import { start100 } from './rows/start100.mjs'
import { start1000 } from './rows/start1000.mjs'
import { supervisors } from './supervisors.mjs'
import { format } from './verdict.mjs'

const rows = { pipeline, start100, start1000, restart, memory, idle }
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } },
})

process.exitCode = await main()

async function main() {
  if (positionals.length > 0) return measureOnlyLinks()
  const wanted = options.only?.split(',') ?? Object.keys(rows)
  const unknown = wanted.filter(name => !Object.hasOwn(rows, name))
  if (unknown.length > 0) return complain(`No row ${unknown.join(', ')}. Rows: ${Object.keys(rows).join(', ')}.`)
  execFileSync(process.execPath, [join(benchFolder, '../scripts/build.mjs')], { stdio: 'inherit' })
  if (!existsSync(program)) return complain(`${program} is missing.`)
  for (const { name, isThere } of Object.values(supervisors)) {
    if (!isThere()) console.error(`${name} is not installed: npm run bench:setup`)
  }
  const parts = []
  for (const name of wanted) parts.push(await measureRow(rows[name]))
  const text = `${[describeRun(), ...(parts.length > 1 ? [summary(parts)] : []), ...parts.map(part => part.text)].join('\n\n')}\n`
  console.log(text)
  if (options.only === undefined && !options.quick) writeFileSync(join(benchFolder, 'RESULTS.md'), text)
  return parts.every(part => part.verdicts.every(({ isMet }) => isMet !== false)) ? 0 : 1
}

/** A benchmark of its own: it compares kinds of links with each other, not ipcsup with others. */
async function measureOnlyLinks() {
  if (positionals.join() !== 'ipc') return complain(`There is no benchmark ${positionals.join(' ')}, but there is ipc.`)
  const only = options.only?.split(',') ?? null
  const { findUnknown, measureLinks } = await import('./ipc/run.mjs')
  const unknown = findUnknown(only ?? [])
  if (unknown !== null) return complain(unknown)
  execFileSync(process.execPath, [join(benchFolder, '../scripts/build.mjs')], { stdio: 'inherit' })
  await measureLinks({ runs: options.quick ? 1 : 5, only, write: only === null && !options.quick })
  return 0
}

async function measureRow(row) {
  const workshop = openWorkshop()
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

function describeRun() {
  const versions = [
    `Node ${process.versions.node}`,
    `Linux ${release()}`,
    `${cpus().length} × ${cpus()[0].model.trim()}`,
  ]
  return (
    `# Results\n\n${versions.join(', ')}, ${Math.round(totalmem() / 2 ** 30)} GiB. Written by \`npm run bench\`, all in one run: each figure is the ` +
    'median of runs that alternate with those of the peers. Config of ipcsup in JSON, its logs on; children write ' +
    'nothing; services of s6 and runit are `#!/bin/sh` and `exec`, everything else has its defaults.'
  )
}

function summary(parts) {
  const lines = parts.flatMap(({ title, verdicts }) =>
    verdicts.map(({ target, reached, isMet }) => `| ${title} | ${target} | ${reached} | ${say(isMet)} |`),
  )
  return ['| work | target | reached | met |', '|---|---|---|---|', ...lines].join('\n')
}

function describeRow({ title, unit, about }, results, verdicts) {
  const lines = results.map(
    ([subject, { median, min, max, runs }]) =>
      `| ${subject} | ${format(median)} | ${format(min)} | ${format(max)} | ${runs} |`,
  )
  const targets = verdicts.map(({ target, reached, isMet }) => `- ${target}: ${reached}, ${say(isMet)}`)
  return [
    `## ${title}\n\n${about}\n`,
    `| ${unit} | median | min | max | runs |`,
    '|---|---|---|---|---|',
    ...lines,
    '',
    ...targets,
  ].join('\n')
}

function say(isMet) {
  return isMet === null ? 'not measured' : isMet ? 'met' : '**not met**'
}

function complain(text) {
  console.error(text)
  return 2
}
