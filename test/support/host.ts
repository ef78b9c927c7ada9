/** A real local host with the Plan of a config, a run directory of its own, and log streams kept in memory. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPlan } from '../../src/config/build-plan.js'
import type { Plan } from '../../src/config/plan.js'
import type { NamedObject } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import type { Closing, Host, HostCall, HostEvent } from '../../src/supervisor/host/host.js'
import { createLocalHost } from '../../src/supervisor/host/local.js'
import type { Logs } from '../../src/supervisor/logs/logs.js'
import { isSameObject } from '../../src/supervisor/run/ledger.js'
import { until } from './conditions.js'

export type EventOf<T extends HostEvent['type']> = Extract<HostEvent, { type: T }>

export interface TestHost extends AsyncDisposable {
  readonly host: Host
  readonly plan: Plan
  /** Relative paths of the config are relative to it. */
  readonly directory: string
  readonly runId: string
  readonly events: readonly HostEvent[]
  /** What the ledger was told. */
  readonly recorded: readonly NamedObject[]
  /** Objects that the ledger of a dead run would have. */
  readonly inherited: NamedObject[]
  /** Sends a call and waits for its answer. */
  call<T extends HostEvent['type']>(call: HostCall, answer: T): Promise<EventOf<T>>
  openAll(): Promise<void>
  spawn(process: string, generation?: number): Promise<EventOf<'spawned'>>
  /** The error of a spawn that must fail. */
  refuse(process: string, generation?: number): Promise<EventOf<'spawnFailed'>>
  exited(process: string, generation?: number): Promise<EventOf<'exited'>>
  /** SIGKILL, and waits for the end. */
  kill(process: string, generation?: number): Promise<EventOf<'exited'>>
  event<T extends HostEvent['type']>(type: T, matches?: (event: EventOf<T>) => boolean): Promise<EventOf<T>>
  /** Opens nothing; spawns and waits for the end. */
  run(process: string, generation?: number): Promise<EventOf<'exited'>>
  /** What a process has written to a log stream so far. */
  output(process: string, stream?: 'stdout' | 'stderr'): Buffer
  /** The same as text, once its stream is closed: after `closeLogs` when all writers are gone. */
  text(process: string, stream?: 'stdout' | 'stderr'): Promise<string>
  close(stopTimeoutMs?: number): Promise<Closing>
}

export interface TestHostOptions {
  /** What the ledger does with a process that was spawned; it may throw. */
  readonly recordProcess?: () => void
  readonly environment?: NodeJS.ProcessEnv
  readonly directory?: string
}

let runs = 0

export function createTestHost(config: unknown, options: TestHostOptions = {}): TestHost {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'ipcsup-test-'))
  const { plan } = buildPlan(config, { kinds, directory, configPath: null, isEmbedded: true })
  const runId = `test-${process.pid}-${++runs}`
  const events: HostEvent[] = []
  const recorded: NamedObject[] = []
  const inherited: NamedObject[] = []
  const logs = createMemoryLogs()
  const host = createLocalHost({
    plan,
    run: {
      id: runId,
      directory,
      ledger: {
        recordObject: (_link, object) => recorded.push(object),
        recordProcess: options.recordProcess ?? (() => {}),
        wasOurs: object => inherited.some(row => isSameObject(row, object)),
      },
    },
    logs: () => logs,
    ...(options.environment && { environment: options.environment }),
  })
  host.onEvent(event => events.push(event))
  let calls = 0
  let closing: Promise<Closing> | null = null

  const event: TestHost['event'] = async (type, matches = () => true) => {
    type E = EventOf<typeof type>
    const find = (): E | undefined => events.find((one): one is E => one.type === type && matches(one as E))
    await until(`an event ${type} in ${JSON.stringify(events)}`, () => find() !== undefined)
    return find()!
  }

  const self: TestHost = {
    host,
    plan,
    directory,
    runId,
    events,
    recorded,
    inherited,
    event,
    call: (call, answer) => {
      const id = ++calls
      host.send({ ...call, id } as Parameters<Host['send']>[0])
      return event(answer, one => 'id' in one && one.id === id)
    },
    openAll: async () => {
      for (const link of Object.keys(plan.links)) await self.call({ type: 'open', link, generation: 1 }, 'opened')
    },
    spawn: (process, generation = 1) => self.call({ type: 'spawn', process, generation }, 'spawned'),
    refuse: (process, generation = 1) => self.call({ type: 'spawn', process, generation }, 'spawnFailed'),
    exited: (process, generation = 1) =>
      event('exited', one => one.process === process && one.generation === generation),
    kill: async (process, generation = 1) => {
      await self.call({ type: 'signal', process, generation, signal: 'SIGKILL' }, 'signalled')
      return self.exited(process, generation)
    },
    run: async (process, generation = 1) => {
      await self.spawn(process, generation)
      return self.exited(process, generation)
    },
    output: (process, stream = 'stdout') => logs.read(`${process}.${stream}`),
    // Of a process that writes something: a stream that stays silent is never read.
    text: async (process, stream = 'stdout') => {
      host.send({ type: 'closeLogs', id: ++calls, process })
      await until(`the end of ${process}.${stream}`, () => logs.hasEnded(`${process}.${stream}`))
      return logs.read(`${process}.${stream}`).toString()
    },
    close: (stopTimeoutMs = 5_000) => {
      closing ??= host.close({ stopTimeoutMs, logDeadlineMs: 5_000 })
      return closing
    },
    [Symbol.asyncDispose]: async () => {
      await self.close()
      if (!options.directory) rmSync(directory, { recursive: true, force: true })
    },
  }
  return self
}

interface MemoryLogs extends Logs {
  read(stream: string): Buffer
  hasEnded(stream: string): boolean
}

function createMemoryLogs(): MemoryLogs {
  const chunks = new Map<string, Buffer[]>()
  const open = new Map<string, Socket>()
  return {
    read: stream => Buffer.concat(chunks.get(stream) ?? []),
    hasEnded: stream => chunks.has(stream) && !open.has(stream),
    show: () => false,
    files: () => [],
    blocked: () => [],
    attach: ({ process, stream, descriptor }) => {
      const name = `${process}.${stream}`
      const socket = new Socket({ fd: descriptor, readable: true, writable: false })
      chunks.set(name, [])
      open.set(name, socket)
      socket.on('data', chunk => chunks.get(name)!.push(chunk))
      socket.on('close', () => open.delete(name))
    },
    close: async () => {
      for (const socket of open.values()) socket.destroy()
      await until('log streams are closed', () => open.size === 0)
      return {}
    },
  }
}

/** What is open in this process, as `number → what`; to compare before and after. */
export function listOpenDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap(descriptor => {
    try {
      return `${descriptor} → ${readlinkSync(`/proc/self/fd/${descriptor}`)}`
    } catch {
      // That of the listing itself.
      return []
    }
  })
}
