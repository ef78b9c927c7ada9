/** Starts instances: from what the Plan says of a process to a child with exactly that. */
import { readFileSync } from 'node:fs'
import type { Plan, PlannedProcess } from '../../config/plan.js'
import { IpcsupError } from '../../errors.js'
import { describeHandoff, fillTemplate, type HandedEnd } from '../../ipc/handoff.js'
import { identifyDescriptor, spawnProcess } from '../../platform/index.js'
import type { Run } from '../run/run.js'
import { type ChildDescriptors, type DescriptorSources, openChildDescriptors } from './child-descriptors.js'
import { inspectCommand, resolveCommand } from './command.js'
import { EnvFileError, parseEnvFile } from './env-file.js'
import { type BaseEnvironment, composeEnvironment, lookUpVariable, makeBaseEnvironment } from './environment.js'
import { gatePath, wrapInGate } from './gate.js'
import type { Generation } from './host.js'
import type { Links } from './links.js'
import { findOriginalOpenFiles } from './original-limit.js'
import { explainSpawn, explainSystem, findFault, findNul, type SpawnFault } from './spawn-fault.js'

export interface Spawned {
  readonly pid: number
  readonly descriptors: Omit<ChildDescriptors, 'close' | 'table'>
}

export interface Spawner {
  /** Throws a {@link SpawnRefusal}; then there is no process, and nothing stays open. */
  spawn(process: string, generation: Generation): Spawned
}

/** Why a process could not be started, and what a shell would report. */
export class SpawnRefusal extends Error {
  constructor(readonly fault: { readonly error: IpcsupError; readonly code: number }) {
    super(fault.error.message, { cause: fault.error })
  }
}

export interface SpawnerOptions {
  readonly plan: Plan
  readonly run: Run
  readonly links: Links
  readonly sources: DescriptorSources
  /** Of the supervisor. */
  readonly environment: NodeJS.ProcessEnv
  /** Where processes say that they are ready; null: none of the Plan does. */
  readonly notifySocket: string | null
}

/** All that a child is started with, besides its descriptors. */
interface Launch {
  readonly path: string | null
  readonly argv: readonly string[]
  readonly changes: Map<string, string | null>
  /** It has listening ends that are told by systemd's variables. */
  readonly listens: boolean
}

export function createSpawner(options: SpawnerOptions): Spawner {
  const { plan, run, links, sources, environment, notifySocket } = options
  const base = makeBaseEnvironment(environment)
  const softOpenFiles = findOriginalOpenFiles(environment)

  const prepare = (planned: PlannedProcess, generation: Generation, ends: readonly HandedEnd[]): Launch => {
    const argv = planned.argv.map(template => fillTemplate(template, ends))
    const changes = new Map<string, string | null>(Object.entries(readEnvFile(planned)))
    for (const [name, value] of Object.entries(planned.env)) {
      changes.delete(name)
      changes.set(name, value && fillTemplate(value, ends))
    }
    const identity = { process: planned.name, generation, run: run.id }
    const told = describeHandoff(identity, ends)
    for (const [name, value] of Object.entries(told)) changes.set(name, value)
    if (planned.ready !== null) changes.set('NOTIFY_SOCKET', notifySocket)
    const path = resolveCommand(argv[0]!, lookUpVariable(base, changes, 'PATH'), planned.cwd)
    return { argv, changes, path, listens: told['LISTEN_FDS'] !== undefined }
  }

  const launch = (planned: PlannedProcess, plain: Launch, descriptors: ChildDescriptors): number => {
    const { path, argv, changes } = needsGate(planned, plain) ? passGate(planned, plain, base) : plain
    const { inherited, added } = composeEnvironment(base, changes)
    const nul = findNul(planned.name, { argv, variables: added })
    if (nul) throw new SpawnRefusal(nul)
    if (path === null) throw new SpawnRefusal(explain(planned, plain, 'ENOENT'))
    const result = spawnProcess({
      path,
      argv,
      baseEnvironment: inherited,
      environment: added,
      directory: planned.cwd,
      descriptors: descriptors.table,
      softOpenFiles,
    })
    if ('pid' in result) return result.pid
    throw new SpawnRefusal(explain(planned, plain, result.errno))
  }

  const explain = (planned: PlannedProcess, { argv, changes }: Launch, errno: string): SpawnFault => {
    const facts = inspectCommand(argv[0]!, lookUpVariable(base, changes, 'PATH'), planned.cwd)
    const kept = [...base.values].filter(([name]) => !changes.has(name)).map(([name, value]) => `${name}=${value}`)
    const variables = [...kept, ...composeEnvironment(base, changes).added]
    return explainSpawn(planned.name, errno, facts, { argv, variables })
  }

  const nameEnds = ({ ends, table }: ChildDescriptors): HandedEnd[] =>
    ends.map(end => {
      const { kind, options, sides } = plan.links[end.link]!
      const { object, variables } = links.get(end.link)
      const more = end.fd === null ? {} : variables(end.fd)
      const is = end.fd === null ? null : identifyDescriptor(table.get(end.fd)!)
      return { ...end, kind, options, listens: sides[end.side]!.listens, variables: more, hint: object.hint(), is }
    })

  return {
    spawn: (name, generation) => {
      const planned = plan.processes[name]!
      const descriptors = prepareStep(name, () => openChildDescriptors(planned, sources))
      try {
        const plain = prepareStep(name, () => prepare(planned, generation, nameEnds(descriptors)))
        return { pid: launch(planned, plain, descriptors), descriptors }
      } finally {
        descriptors.close()
      }
    },
  }
}

/** posix_spawn can set neither a umask nor LISTEN_PID, which only the child knows. */
function needsGate(planned: PlannedProcess, { listens }: Launch): boolean {
  return planned.umask !== null || listens
}

/** The same launch through the gate. What a shell would report in its own words, or not at all, is looked for before. */
function passGate(planned: PlannedProcess, plain: Launch, base: BaseEnvironment): Launch {
  const facts = inspectCommand(plain.argv[0]!, lookUpVariable(base, plain.changes, 'PATH'), planned.cwd)
  const found = findFault(planned.name, facts)
  if (found) throw new SpawnRefusal(found)
  const path = plain.path!
  if (path.includes('=')) {
    const why = `the path ${path} has a "=", which the shell that starts it takes for a variable`
    const error = new IpcsupError('IPCSUP_ERR_SPAWN', {
      process: planned.name,
      why,
      advice: 'Start it through a link without one.',
    })
    throw new SpawnRefusal({ error, code: 126 })
  }
  const variables = new Map(base.values)
  for (const [name, value] of plain.changes) {
    if (value === null) variables.delete(name)
    else variables.set(name, value)
  }
  const { argv, carried } = wrapInGate(path, plain.argv.slice(1), planned.umask, plain.listens, variables)
  const changes = new Map(plain.changes)
  for (const name of carried) changes.set(name, null)
  return { ...plain, path: gatePath, argv, changes }
}

function readEnvFile({ name, envFile }: PlannedProcess): Record<string, string> {
  if (envFile === null) return {}
  try {
    return parseEnvFile(readFileSync(envFile, 'utf8'))
  } catch (cause) {
    const isSyntax = cause instanceof EnvFileError
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    const why = isSyntax ? cause.message : code === 'ENOENT' ? 'there is no such file' : code
    const advice = isSyntax ? 'Write NAME=value, and # before a comment.' : 'Make it readable, or correct its path.'
    throw new IpcsupError('IPCSUP_ERR_ENV_FILE', { process: name, path: envFile, why, advice }, { cause })
  }
}

/** A step before the spawn: what it throws is a fault as of a redirection. */
function prepareStep<T>(process: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof IpcsupError) throw new SpawnRefusal({ error, code: 1 })
    const { code, syscall } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new SpawnRefusal(explainSystem(process, code, syscall ?? 'a system call', 1))
  }
}
