/** Templates of a process, and what their placeholders need of its links. */
import type { HandlePart } from '../../ipc/kind.js'
import { suggest } from '../../nearest.js'
import { type BraceWord, parseTemplate, parts } from '../placeholders.js'
import type { Placeholder, Template } from '../plan.js'
import { listChoices } from '../problems.js'
import type { DraftHandle } from './handles.js'
import { variableOf } from './links.js'
import type { DraftLink, Scope } from './scope.js'

/** The links that placeholders of one process can stand for. `handles` grows by those that a placeholder implies. */
export interface TemplateScope {
  readonly handles: DraftHandle[]
  /** Links at its stdin, stdout or stderr. */
  readonly streamLinks: ReadonlySet<string>
  /** Whether the process can declare links at all: a stage of a pipeline cannot. */
  readonly isStage: boolean
}

/** The template of `text`; what is wrong in it is reported at `path`. */
export function expandTemplate(scope: Scope, process: TemplateScope, text: string, path: string): Template {
  const { template, nearMisses, unknownParts } = parseTemplate(text, scope.links)
  for (const { text: word, meant } of nearMisses)
    scope.findings.warn(path, `${word} is no link and stays as it is. Did you mean {${meant}}?`)
  for (const word of unknownParts) reportPart(scope, word, path)
  for (const item of template) if (typeof item !== 'string') checkPlaceholder(scope, process, item, path)
  return template
}

function reportPart(scope: Scope, { text, link, part }: BraceWord & { part: string }, path: string): void {
  const hint =
    suggest(part, parts) || ` There are ${parts.map(known => `{${link}.${known}}`).join(', ')} and {${link}}.`
  scope.findings.report(path, `${text}: a link has no part "${part}".${hint}`)
}

function checkPlaceholder(scope: Scope, process: TemplateScope, placeholder: Placeholder, path: string): void {
  const link = scope.links.get(placeholder.link)!
  const handle = process.handles.find(({ link: name }) => name === link.name) ?? implyHandle(scope, process, link, path)
  if (handle === null) return
  const offered = listParts(link, handle)
  const word = placeholder.part === 'natural' ? `{${link.name}}` : `{${link.name}.${placeholder.part}}`
  if (offered.includes(placeholder.part)) return
  const missing =
    placeholder.part === 'natural' ? 'path, name or address' : (partNames[placeholder.part] ?? placeholder.part)
  const words = offered.map(part => (part === 'natural' ? `{${link.name}}` : `{${link.name}.${part}}`))
  const advice = words.length === 0 ? 'Nothing stands for it.' : `Use ${words.join(' or ')}.`
  const article = /^[aeio]/.test(link.kind.name) ? 'an' : 'a'
  scope.findings.report(path, `${word}: ${article} ${link.kind.name} has no ${missing}. ${advice}`)
}

/** A client needs nothing but the address: naming it is enough. */
function implyHandle(scope: Scope, process: TemplateScope, link: DraftLink, path: string): DraftHandle | null {
  const connect = link.sides['connect']
  if (connect !== undefined) {
    const variable = variableOf(link.name)
    const handle = {
      link: link.name,
      side: 'connect',
      isListening: connect.listens,
      hasDescriptor: connect.descriptor,
      wantedFd: null,
      variable,
      path,
    }
    process.handles.push(handle)
    return handle
  }
  scope.findings.report(path, `{${link.name}}: ${explainMissing(process, link)}`)
  return null
}

function explainMissing(process: TemplateScope, link: DraftLink): string {
  const sides = Object.keys(link.sides)
  if (process.isStage)
    return `a stage of a pipeline has no links of its own. Make it a process with links: { ${link.name}: ${sides.map(side => `'${side}'`).join(' or ')} }.`
  if (process.streamLinks.has(link.name))
    return `link "${link.name}" is at a standard stream of this process only, which is /dev/fd/0, 1 or 2 there. For a descriptor of its own add it to links, with side ${listChoices(sides)}.`
  return `this process has no side of link "${link.name}". Add links: { ${link.name}: side }, with side ${listChoices(sides)}.`
}

/** What placeholders of a process may ask for. */
function listParts({ kind, options }: DraftLink, { hasDescriptor }: DraftHandle): readonly HandlePart[] {
  return [...kind.parts(options), ...(hasDescriptor ? (['fd'] as const) : [])]
}

const partNames: Readonly<Partial<Record<HandlePart, string>>> = { fd: 'descriptor at that side', id: 'number' }
