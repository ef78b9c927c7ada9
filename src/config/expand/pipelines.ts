import type { PipelineConfig } from '../define.js'
import { parsePipeline, type Stage } from '../pipeline.js'
import { parseTemplate } from '../placeholders.js'
import type { Redirection } from '../plan.js'
import { readLine } from './commands.js'
import { numberHandles } from './handles.js'
import { draftLink } from './links.js'
import { expandEnvironment, expandNeeds } from './processes.js'
import { expandRestart } from './restart.js'
import { type Draft, resolvePath, type Scope } from './scope.js'
import { resolveStreams, type Streams } from './targets.js'
import { expandTemplate, type TemplateScope } from './templates.js'

// What the pipes of a line ask for, as far as the pipe memory of the supervisor goes: bash's have 64 KiB.
const preferredCapacity = 256 * 1024

/** Where the ends of a pipeline go that says nothing about them. */
export interface PipelineStreams {
  readonly stdin: string
  readonly stdout: string
  readonly stderr: string
}

export const inConfig: PipelineStreams = { stdin: 'null', stdout: 'log', stderr: 'log' }
export const onTerminal: PipelineStreams = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }

/** The stages of a pipeline as processes; the pipes between them are put into the scope. */
export function expandPipeline(
  scope: Scope,
  name: string,
  given: string | PipelineConfig,
  ends: PipelineStreams,
  path = `pipelines.${name}`,
): Draft[] {
  const pipeline = typeof given === 'string' ? { line: given } : given
  const linePath = typeof given === 'string' || path === '' ? path : `${path}.line`
  const stages = readLine(scope, linePath, pipeline.line, parsePipeline) ?? []
  for (let number = 1; number < stages.length; number++) addPipe(scope, `${name}.${number}`, path)
  return stages.map((stage, index) => {
    const streams: Required<Streams> = {
      stdin: index === 0 ? (pipeline.stdin ?? ends.stdin) : { link: `${name}.${index}`, side: 'read' },
      stdout:
        index === stages.length - 1
          ? (pipeline.stdout ?? ends.stdout)
          : { link: `${name}.${index + 1}`, side: 'write' },
      stderr: pipeline.stderr ?? ends.stderr,
    }
    return expandStage(scope, { name: `${name}.${stage.label}`, stage, streams, pipeline, path, linePath })
  })
}

function addPipe(scope: Scope, name: string, path: string): void {
  scope.links.set(name, draftLink(scope, { name, path, kind: 'pipe', options: { preferredCapacity } }))
}

interface StageContext {
  readonly name: string
  readonly stage: Stage
  readonly streams: Required<Streams>
  readonly pipeline: PipelineConfig
  readonly path: string
  readonly linePath: string
}

function expandStage(scope: Scope, { name, stage, streams, pipeline, path, linePath }: StageContext): Draft {
  const cwd = resolvePath(scope.directory, pipeline.cwd ?? '.')
  const initial = resolveStreams(scope, streams, path, scope.directory)
  const templates: TemplateScope = { handles: [], streamLinks: new Set(), isStage: true }
  return {
    name,
    path,
    replicas: null,
    needs: expandNeeds(pipeline.needs),
    plan: {
      argv: stage.words.map(word => expandTemplate(scope, templates, word, linePath)),
      cwd,
      env: expandEnvironment(scope, templates, pipeline.env, `${path}.env`),
      envFile: null,
      umask: null,
      redirections: [
        ...initial,
        ...stage.redirections.map(redirection => resolveFile(scope, redirection, cwd, linePath)),
      ],
      handles: numberHandles(scope, templates.handles),
      ready: null,
      restart: expandRestart(scope, pipeline.restart, 'never', path),
      cleanExits: [0],
      stopSignal: 'SIGTERM',
      stopTimeoutMs: scope.stopTimeoutMs,
      hooks: { onStart: null, onExit: null, onGiveUp: null },
    },
  }
}

function resolveFile(scope: Scope, { fd, to }: Stage['redirections'][number], cwd: string, path: string): Redirection {
  if (to.type === 'same') return { fd, to }
  const placeholder = parseTemplate(to.path, scope.links).template.find(item => typeof item !== 'string')
  if (placeholder !== undefined)
    scope.findings.report(
      path,
      `"${to.path}" after a redirection: a link is no file. Use { line, stdin: "${placeholder.link}" } or stdout to join a pipeline with a link.`,
    )
  return { fd, to: { ...to, path: resolvePath(cwd, to.path) } }
}
