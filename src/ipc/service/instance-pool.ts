/** The connections of a client to the instances of a service: one to each, made when it is first needed. */
import { createHash } from 'node:crypto'
import { Connection, type ConnectionOwner } from './connection.js'
import { tryConnect } from './meeting.js'
import type { Directory, Instance } from './wire.js'

/** Where nothing more is known, an instance whose connection ended is not tried again before. */
const avoidMs = 1000
const crowdedMs = 10

/** Which of the processes that may serve keeps what was done under `id`: the same for everybody, however many run. */
export function chooseKeeper(servers: readonly string[], id: string): string {
  const weigh = (server: string): string => createHash('sha256').update(`${server}\0${id}`).digest('hex')
  return servers.reduce((best, server) => (weigh(server) > weigh(best) ? server : best))
}

export class InstancePool {
  readonly #process: string | undefined
  readonly #owner: ConnectionOwner
  readonly #onRetry: () => void
  #directory: Directory | null = null
  readonly #connections = new Map<string, Connection>()
  /** Connections that are still answered, and given nothing new: of an instance that stops. */
  readonly #leaving = new Set<Connection>()
  /** Instances that are not to be tried, by process: up to that generation, and until when. */
  readonly #avoided = new Map<string, { readonly generation: number; readonly untilMs: number }>()
  #retry: NodeJS.Timeout | null = null
  #isHeld = false
  /** Callers begin at different ones. */
  #turn = Math.floor(Math.random() * 1024)

  /**
   * @param process - name of the one that calls
   * @param onRetry - told when it is worth to choose again
   */
  constructor(process: string | undefined, owner: ConnectionOwner, onRetry: () => void) {
    this.#process = process
    this.#owner = owner
    this.#onRetry = onRetry
  }

  /** null: not known yet. */
  get directory(): Directory | null {
    return this.#directory
  }

  take(directory: Directory): void {
    this.#directory = directory
    for (const [process, connection] of this.#connections) {
      if (directory.instances.some(instance => instance.process === process)) continue
      this.#connections.delete(process)
      this.#leaving.add(connection)
    }
  }

  /**
   * The connection to the instance with the fewest calls; null: there is no instance.
   *
   * @param boundTo - only that process will do
   */
  choose(boundTo: string | null): Connection | null {
    const instances = this.#directory?.instances ?? []
    // By far the most services have one.
    const only = instances.length === 1 && boundTo === null && this.#connections.get(instances[0]!.process)
    if (only) return only
    let best: Instance | null = null
    let least = Number.POSITIVE_INFINITY
    // Of those that are as good as each other not always the first: most callers have one call at a time.
    this.#turn += 1
    for (let at = 0; at < instances.length; at++) {
      const instance = instances[(this.#turn + at) % instances.length]!
      const { process } = instance
      if (boundTo !== null && process !== boundTo) continue
      const connection = this.#connections.get(process)
      if (connection === undefined && this.#isAvoided(instance)) continue
      const outstanding = connection?.outstanding ?? 0
      if (outstanding >= least) continue
      best = instance
      least = outstanding
    }
    return best && (this.#connections.get(best.process) ?? this.#connect(best))
  }

  #isAvoided({ process, generation }: Instance): boolean {
    const avoided = this.#avoided.get(process)
    return avoided !== undefined && generation <= avoided.generation && performance.now() < avoided.untilMs
  }

  #connect(instance: Instance): Connection | null {
    const { process, generation, path } = instance
    try {
      const descriptor = tryConnect(path)
      if (descriptor !== null) {
        const took = instance.took && this.#directory!.guarantee !== 'at-least-once'
        const connection = new Connection(instance, descriptor, { process: this.#process, took }, this.#owner)
        this.#connections.set(process, connection)
        return connection
      }
      this.#avoid(process, generation, crowdedMs)
    } catch {
      this.#avoid(process, generation, avoidMs)
    }
    return null
  }

  /** It is asked again, should nothing better be known by then. */
  #avoid(process: string, generation: number, forMs: number): void {
    this.#avoided.set(process, { generation, untilMs: performance.now() + forMs })
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.#onRetry()
    }, forMs + 1)
    if (!this.#isHeld) this.#retry.unref()
  }

  /** Its instance stops: what it has it still answers. */
  retire(connection: Connection): void {
    this.#remove(connection)
    this.#leaving.add(connection)
  }

  /** It has ended. */
  drop(connection: Connection): void {
    this.#remove(connection)
    this.#leaving.delete(connection)
  }

  #remove(connection: Connection): void {
    const { process, generation } = connection.instance
    if (this.#connections.get(process) !== connection) return
    this.#connections.delete(process)
    this.#avoid(process, generation, avoidMs)
  }

  /** Whether a try that is due keeps the program alive. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (isHeld) this.#retry?.ref()
    else this.#retry?.unref()
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    for (const connection of [...this.#connections.values(), ...this.#leaving]) connection.close()
  }
}
