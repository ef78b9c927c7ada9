/**
 * The user's documentation as data: pages, their sections, and what each fenced block is for.
 *
 * The info string of a block says it:
 * - ```` ```ts file=ipcsup.config.ts ```` is a file of the example;
 * - ```` ```sh run ```` (or `run status=1`) is run, with `sh -e`, and must end with that status;
 * - ```` ```text output ```` is all that the run before it prints on its stdout; `…` stands for anything in a line, a line
 *   that is only `…` for any number of lines. A run without one prints nothing;
 * - ```` ```sh illustration: why ```` is not run, for that reason.
 *
 * A section (`## `) is one example with an empty directory of its own.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../../', import.meta.url))

export type Purpose =
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'run'; readonly status: number }
  | { readonly type: 'output' }
  | { readonly type: 'illustration'; readonly why: string }
  /** The info string is none of the above. */
  | { readonly type: 'unmarked' }

export interface Block {
  /** Of the page, from 1. */
  readonly line: number
  readonly language: string
  readonly purpose: Purpose
  /** Ends with a newline. */
  readonly text: string
}

export interface Section {
  /** Empty for what stands before the first `## `. */
  readonly heading: string
  /** Everything outside of blocks. */
  readonly prose: string
  readonly blocks: readonly Block[]
}

export interface Page {
  /** From the repository, such as `docs/kinds/pipe.md`. */
  readonly path: string
  readonly sections: readonly Section[]
}

/** README.md and all pages below docs/. */
export function readPages(): readonly Page[] {
  const below = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
  const paths = below.filter(name => name.endsWith('.md')).map(name => join('docs', name))
  return ['README.md', ...paths.sort()].map(readPage)
}

/** @param path - from the repository */
export function readPage(path: string): Page {
  return { path, sections: parseSections(readFileSync(join(repository, path), 'utf8').split('\n')) }
}

/** The section of that heading; fails naming the page where there is none. */
export function findSection({ path, sections }: Page, heading: string): Section {
  const found = sections.find(section => section.heading === heading)
  if (!found) throw new Error(`${path} has no section "${heading}"`)
  return found
}

/** Rows of the first table after `marker`, cells trimmed, header and rule left out. */
export function readTable(prose: string, marker: string): readonly (readonly string[])[] {
  const rest = prose.slice(prose.indexOf(marker) + marker.length).split('\n')
  const first = rest.findIndex(line => line.startsWith('|'))
  if (first === -1) return []
  const length = rest.slice(first).findIndex(line => !line.startsWith('|'))
  return rest.slice(first + 2, length === -1 ? undefined : first + length).map(splitRow)
}

function splitRow(line: string): readonly string[] {
  const cells = line.split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll('\\|', '|'))
  return cells.slice(1, -1)
}

function parseSections(lines: readonly string[]): readonly Section[] {
  const sections: { heading: string; prose: string; blocks: Block[] }[] = [{ heading: '', prose: '', blocks: [] }]
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    const fence = /^(`{3,})(.*)$/.exec(line)
    if (fence) {
      const end = lines.findIndex((other, at) => at > index && other === fence[1])
      const text = lines.slice(index + 1, end).map(inner => `${inner}\n`)
      sections.at(-1)!.blocks.push({ line: index + 1, ...readInfo(fence[2]!), text: text.join('') })
      index = end
    } else if (line.startsWith('## ')) sections.push({ heading: line.slice(3), prose: '', blocks: [] })
    else sections.at(-1)!.prose += `${line}\n`
  }
  return sections
}

function readInfo(info: string): Pick<Block, 'language' | 'purpose'> {
  const [, language = '', rest = ''] = /^(\S*) ?(.*)$/.exec(info)!
  return { language, purpose: readPurpose(rest) }
}

function readPurpose(text: string): Purpose {
  const [, path] = /^file=(\S+)$/.exec(text) ?? []
  if (path !== undefined) return { type: 'file', path }
  const run = /^run(?: status=(\d+))?$/.exec(text)
  if (run) return { type: 'run', status: Number(run[1] ?? 0) }
  if (text === 'output') return { type: 'output' }
  const [, why] = /^illustration: (.+)$/.exec(text) ?? []
  return why === undefined ? { type: 'unmarked' } : { type: 'illustration', why }
}
