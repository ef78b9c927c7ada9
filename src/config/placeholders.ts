import { nearest } from '../nearest.js'
import type { Placeholder, Template } from './plan.js'

export const parts = [
  'fd',
  'path',
  'name',
  'host',
  'port',
  'id',
  'key',
] as const satisfies readonly Placeholder['part'][]

/** `{x}` or `{x.part}`, where x could be the name of a link. */
const braceWord = /\{([A-Za-z][A-Za-z0-9_-]{0,62})(?:\.([A-Za-z0-9_]+))?\}/g

/** A brace word that is none of the template's, for messages. */
export interface BraceWord {
  readonly text: string
  readonly link: string
}

export interface ParsedTemplate {
  readonly template: Template
  /** Words such as `{lnes}`: one edit away from a link's name. */
  readonly nearMisses: readonly (BraceWord & { readonly meant: string })[]
  /** Words such as `{lines.fdd}`: a link, but no part of its handle. */
  readonly unknownParts: readonly (BraceWord & { readonly part: string })[]
}

/**
 * Text in which `{x}` and `{x.part}` stand for the handle of link x. Braces around anything else stay as they are, so
 * that `awk '{print}'` and `find -exec {} +` mean what they mean in a shell.
 */
export function parseTemplate(
  text: string,
  links: { has(name: string): boolean; keys(): Iterable<string> },
): ParsedTemplate {
  const template: (string | Placeholder)[] = []
  const nearMisses: (BraceWord & { meant: string })[] = []
  const unknownParts: (BraceWord & { part: string })[] = []
  let start = 0
  for (const match of text.matchAll(braceWord)) {
    const [word, link, part] = match as unknown as [string, string, string | undefined]
    if (!links.has(link)) {
      const meant = nearest(link, links.keys(), 1)
      if (meant !== null) nearMisses.push({ text: word, link, meant })
      continue
    }
    if (part !== undefined && !isPart(part)) {
      unknownParts.push({ text: word, link, part })
      continue
    }
    if (match.index > start) template.push(text.slice(start, match.index))
    template.push({ link, part: part ?? 'natural' })
    start = match.index + word.length
  }
  if (start < text.length || template.length === 0) template.push(text.slice(start))
  return { template, nearMisses, unknownParts }
}

function isPart(part: string): part is (typeof parts)[number] {
  return (parts as readonly string[]).includes(part)
}
