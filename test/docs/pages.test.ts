import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readPages, repository } from '../support/documents.js'

/** They have no examples: their subject is the code and its messages. */
const withoutExamples = new Set(['docs/theory.md', 'docs/errors.md'])

const pages = readPages()
const written = pages.filter(page => !withoutExamples.has(page.path))

describe.each(written)('$path', page => {
  const blocks = page.sections.flatMap(section => section.blocks)

  test('has an example that runs', () => {
    expect(blocks.filter(block => block.purpose.type === 'run')).not.toEqual([])
  })

  test('says of every block what it is, or why it does not run', () => {
    expect(blocks.filter(block => block.purpose.type === 'unmarked').map(block => block.line)).toEqual([])
  })

  test('shows an output only after the command that prints it', () => {
    const stray = page.sections.flatMap(section =>
      section.blocks.filter(
        (block, index) => block.purpose.type === 'output' && section.blocks[index - 1]?.purpose.type !== 'run',
      ),
    )
    expect(stray.map(block => block.line)).toEqual([])
  })

  test('runs commands in a shell, and only there', () => {
    const runs = blocks.filter(block => block.purpose.type === 'run')
    expect(runs.filter(block => block.language !== 'sh').map(block => block.line)).toEqual([])
  })
})

test('every page can be found from docs/index.md', () => {
  const reached = new Set(listLinks('docs/index.md').map(link => link.path))
  const missing = pages.map(page => page.path).filter(path => path.startsWith('docs/') && path !== 'docs/index.md')
  expect(missing.filter(path => !reached.has(path))).toEqual([])
})

test.each(pages)('every link of $path leads somewhere', page => {
  const broken = listLinks(page.path).filter(
    ({ path, anchor }) => !existsSync(join(repository, path)) || !has(path, anchor),
  )
  expect(broken).toEqual([])
})

interface PageLink {
  /** From the repository. */
  readonly path: string
  readonly anchor: string | null
}

/** Links to files; not those that leave the repository. */
function listLinks(path: string): readonly PageLink[] {
  const prose = pages.find(page => page.path === path)!.sections.map(section => section.prose)
  return [...prose.join('\n').matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g)]
    .filter(([, target]) => !target!.includes('://'))
    .map(([, target, anchor]) => ({
      path: target === '' ? path : normalize(join(dirname(path), target!)),
      anchor: anchor ?? null,
    }))
}

function has(path: string, anchor: string | null): boolean {
  if (anchor === null) return true
  const headings = readFileSync(join(repository, path), 'utf8').match(/^#+ .*$/gm) ?? []
  return headings.some(heading => makeAnchor(heading.replace(/^#+ /, '')) === anchor)
}

/** As GitHub makes it. */
function makeAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}
