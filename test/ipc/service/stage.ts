/** A service of real processes that are started again when they die, and what it has done. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tuning } from '../../../src/ipc/service/connection.js'
import { type CallingEnd, openCallingEnd } from '../../../src/ipc/service/end.js'
import type { Guarantee } from '../../../src/ipc/service/wire.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { TestMeeting } from './meeting.js'
import { goOnInMemory } from './memory.js'

const program = bundleProgram(join(import.meta.dirname, 'drivers/party.ts'))

/** Through what callers and instances talk. */
export type Way = 'socket' | 'memory'

export type Said = { readonly value: unknown } | { readonly code: string; readonly message: string }

/** Where somebody dies. */
export interface Death {
  readonly step: string
  readonly nth?: number
}

export class Stage {
  readonly meeting: TestMeeting
  readonly #directory: string
  readonly #way: Way
  readonly #environment: NodeJS.ProcessEnv
  readonly #servers = new Map<string, ChildProcess>()
  readonly #ends: CallingEnd[] = []
  #isOver = false
  deaths = 0

  private constructor(meeting: TestMeeting, directory: string, way: Way, more: NodeJS.ProcessEnv) {
    this.meeting = meeting
    this.#directory = directory
    this.#way = way
    const files = { EFFECTS: join(directory, 'effects'), MARK: join(directory, 'mark') }
    this.#environment = { ...process.env, ...files, ...(way === 'memory' && { MEMORY: '1' }), ...more }
  }

  static async open(guarantee: Guarantee, way: Way, more: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const directory = mkdtempSync('/tmp/ipcsup-service-')
    tuning.callsBeforeRing = way === 'memory' ? 1 : Number.POSITIVE_INFINITY
    return new Stage(await TestMeeting.open(directory, guarantee), directory, way, more)
  }

  /** Starts it, and again whenever it dies. */
  serve(name: string, death: Death | null = null, generation = 1): void {
    const listener = this.meeting.take(name)
    const server = spawn(process.execPath, [program, 'serve', this.meeting.path, name, String(generation)], {
      env: { ...this.#environment, ...describeDeath(death) },
      stdio: ['ignore', 'inherit', 'inherit', listener],
    })
    closeSync(listener)
    this.#servers.set(name, server)
    server.once('exit', (_, signal) => {
      if (this.#isOver) return
      if (signal === 'SIGKILL') this.deaths += 1
      this.serve(name, death, generation + 1)
    })
  }

  kill(name: string): void {
    this.#servers.get(name)!.kill('SIGKILL')
  }

  isServing(name: string): boolean {
    return this.meeting.instances.some(instance => instance.process === name)
  }

  /** A caller in this very program. */
  async openEnd(): Promise<CallingEnd> {
    const end = openCallingEnd(this.meeting.path)
    this.#ends.push(end)
    if (this.#way === 'memory') {
      await goOnInMemory(end)
      await end.call('begin', [])
    }
    return end
  }

  async call(method: string, text: string): Promise<Said> {
    const end = await this.openEnd()
    return end.call(method, [text]).then(
      value => ({ value }),
      ({ code, message }) => ({ code, message }),
    )
  }

  /** A caller that is a process of its own; null: it was killed. */
  async callElsewhere(method: string, text: string, id: string, death: Death | null): Promise<Said | null> {
    const caller = spawn(process.execPath, [program, 'call', this.meeting.path, method, text, id], {
      env: { ...this.#environment, ...describeDeath(death) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    caller.stdout.on('data', piece => {
      out += piece
    })
    const signal = await new Promise<string | null>(resolve => caller.once('close', (_, by) => resolve(by)))
    if (signal !== null) this.deaths += 1
    return signal === null ? (JSON.parse(out) as Said) : null
  }

  /** Effects outside of the store, in order. */
  get outside(): readonly string[] {
    const path = join(this.#directory, 'effects')
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  }

  /** Effects in the store. */
  async readInside(): Promise<readonly string[]> {
    const end = await this.openEnd()
    return (await end.call('kept', [])) as readonly string[]
  }

  async close(): Promise<void> {
    this.#isOver = true
    for (const end of this.#ends) end.close()
    const servers = [...this.#servers.values()]
    for (const server of servers) server.kill('SIGKILL')
    await until('all servers are gone', () =>
      servers.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null),
    )
    this.meeting.close()
  }
}

function describeDeath(death: Death | null): NodeJS.ProcessEnv {
  return death === null ? {} : { KILL_AT: death.step, NTH: String(death.nth ?? 1) }
}
