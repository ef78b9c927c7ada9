/**
 * The host in this process, for Linux: it holds the descriptors, is the parent of the instances, and knows no policy.
 *
 * Calls are carried out in order, after the turn in which they were sent; after 10 ms of them the event loop gets a
 * turn. So a thousand spawns do not keep a signal or a request waiting, and no event comes while a call is sent.
 */
import { access } from 'node:fs'
import type { Plan } from '../../config/plan.js'
import type { Hint } from '../../ipc/kind.js'
import type { Logs } from '../logs/logs.js'
import type { Run } from '../run/run.js'
import { createCallQueue } from './call-queue.js'
import { createHandlers, type Handlers } from './calls.js'
import type { DescriptorSources } from './child-descriptors.js'
import { isClosedAtStart } from './closed-at-start.js'
import { flushLinks } from './flush.js'
import type { Closing, Host, HostEvent, HostRequest } from './host.js'
import { createInstances, type Instances } from './instances.js'
import { createLinks, type Links } from './links.js'
import { createLogPipes, type LogPipes } from './log-pipes.js'
import { hasNotifications, openNotifications } from './notifications.js'
import { findOwner } from './owner.js'
import { createSpawner } from './spawner.js'
import { createMarkedFinder } from './strays.js'
import { createPeakSampler } from './usage.js'

export interface LocalHostOptions {
  readonly plan: Plan
  readonly run: Run
  /** Makes the reader of the log streams; called once something was written to one. */
  readonly logs: () => Logs | Promise<Logs>
  /** What children inherit. Default: that of this process, as it is now. */
  readonly environment?: NodeJS.ProcessEnv
}

/** A host in this process, which can give the embedding app an end. */
export interface LocalHost extends Host {
  /** A descriptor of that side for this process, blocking and close-on-exec; the caller closes it. -1: it has none. */
  takeEnd(link: string, side: string): { readonly descriptor: number; readonly hint: Hint }
  hintOf(link: string): Hint
}

export function createLocalHost(options: LocalHostOptions): LocalHost {
  const { plan, run, environment = process.env } = options
  makeThreads()
  let receive: (event: HostEvent) => void = () => {}
  const emit = (event: HostEvent): void => receive(event)
  const warn = (message: string): void => emit({ type: 'warning', message })
  const reportFault = (error: unknown): void => emit(describeFault(error))

  const links = createLinks(plan, run, {
    onCall: (link, generation) => emit({ type: 'called', link, generation }),
    findOwner: pid => findOwner(pid, instances, run.id),
  })
  const instances = createInstances(emit, () => notifications?.drain(), reportFault)
  const notifications = hasNotifications(plan)
    ? openNotifications({ plan, directory: run.directory, instances, emit })
    : null
  const sampler = createPeakSampler(() => instances.live())
  const logs = createLogPipes(
    options.logs,
    () => queue.idle(),
    error => warn(`Logs cannot be read: ${(error as Error).message}`),
  )
  const sources = makeSources(links, logs, instances, fd => isClosedAtStart(fd, environment), warn)
  const notifySocket = notifications?.path ?? null
  const spawner = createSpawner({ plan, run, links, sources, environment, notifySocket })
  const findMarked = createMarkedFinder(run.id, () => queue.idle(), warn)
  const handlers = createHandlers({ plan, run, links, instances, logs, spawner, findMarked, warn })
  const queue = createCallQueue<HostRequest>(request => {
    try {
      if (request.type === 'spawn') sampler.restart()
      const answer = (handlers[request.type] as AnyHandler)(request)
      if (answer instanceof Promise) void answer.then(emit, reportFault)
      else if (answer) emit(answer)
    } catch (error) {
      reportFault(error)
    }
  })

  return {
    send: request => queue.push(request),
    onEvent: receiver => {
      receive = receiver
    },
    takeEnd: (link, side) => {
      const { object } = links.get(link)
      const isGiven = plan.links[link]!.sides[side]!.descriptor
      return { descriptor: isGiven ? object.take(side) : -1, hint: object.hint() }
    },
    hintOf: link => links.get(link).object.hint(),
    inspectLinks: async () => links.inspect(),
    inspectProcesses: shareWhilePending(() => inspectProcesses(instances)),
    close: async ({ stopTimeoutMs, logDeadlineMs }): Promise<Closing> => {
      await queue.idle()
      const { endLeftovers } = await import('./closing.js')
      const leftovers = await endLeftovers(instances, run.id, stopTimeoutMs)
      sampler.stop()
      const droppedLogBytes = await logs.close(logDeadlineMs)
      await flushLinks(links, Object.keys(plan.links), warn)
      notifications?.close()
      links.destroyAll()
      instances.close()
      return { leftovers, droppedLogBytes }
    },
  }
}

/**
 * Has libuv make its threads before there is any child. It makes them at the first use, and aborts the whole program
 * when it gets none: once the children have reached the limit of processes, a mere look at their memory would do that.
 */
function makeThreads(): void {
  access('/', () => {})
}

/** The table's types bind each handler to its call; here the call may be any. */
type AnyHandler = (request: HostRequest) => ReturnType<Handlers[keyof Handlers]>

function describeFault(error: unknown): HostEvent {
  const { message, stack = message } = error instanceof Error ? error : new Error(String(error))
  return { type: 'broken', message, stack }
}

function makeSources(
  links: Links,
  logs: LogPipes,
  instances: Instances,
  isClosed: DescriptorSources['isClosed'],
  warn: (message: string) => void,
): DescriptorSources {
  const used = new Set<string>()
  return {
    takeEnd: (link, side, taker) => links.get(link).object.take(side, taker),
    nameShared: (link, side) => {
      const { object, generation } = links.get(link)
      return object.sharesDescription ? `${link} ${generation} ${side}` : null
    },
    takeLog: logs.take,
    isFirstUse: (process, redirection) => {
      const key = `${process} ${redirection}`
      const isFirst = !used.has(key)
      used.add(key)
      return isFirst
    },
    isInUse: instances.isSharing,
    isClosed,
    warn,
  }
}

/** Whoever asks while an answer is on its way gets the same. */
function shareWhilePending<T>(ask: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | null = null
  return () => {
    pending ??= ask().finally(() => {
      pending = null
    })
    return pending
  }
}

async function inspectProcesses(instances: Instances): ReturnType<Host['inspectProcesses']> {
  const { measureProcesses } = await import('./live-usage.js')
  const live = [...instances.live()]
  const usage = await measureProcesses(live.map(({ pid }) => pid))
  return Object.fromEntries(
    live.map(({ process, pid }) => [process, usage.get(pid) ?? { cpuPercent: null, residentBytes: null }]),
  )
}
