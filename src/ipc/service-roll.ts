/** Who serves a service: what has registered, and what everybody is told of it. Pure but for what it asks about pids. */
import { IpcsupError } from '../errors.js'
import type { ServiceFacts } from './facts.js'
import type { Owner } from './kind.js'
import type { Directory, Guarantee, LoadLine, RegisterLine } from './service/wire.js'

/** What does not change of a service. */
export interface Service {
  /** Name of the link. */
  readonly name: string
  readonly guarantee: Guarantee
  /** Directory for what is done; empty: there is none. */
  readonly store: string
  /** Processes at its side `serve`, in the Plan's order. */
  readonly servers: readonly string[]
  /** Where a process listens; null: it was never given its socket. */
  readonly pathOf: (process: string) => string | null
  readonly findOwner: (pid: number) => Owner | null
}

/** One connection to the meeting socket, whatever it is made of. */
export interface Connection {
  /** Who connected. */
  readonly pid: number
}

interface Registration {
  readonly connection: Connection
  readonly said: RegisterLine['register']
  readonly path: string
  load: LoadLine['load'] | null
}

/** Name of a program outside, and of the one that embeds ipcsup. */
const outside = ''

export class Roll {
  readonly #service: Service
  readonly #registered = new Map<string, Registration>()
  readonly #finished = new Set<string>()
  #isOver = false
  /** Of registrations that have ended. */
  #pastCalls = 0
  /** Called after each change of the directory. */
  onChange: () => void = () => {}

  constructor(service: Service) {
    this.#service = service
  }

  /** @throws IPCSUP_ERR_REGISTRATION */
  register(connection: Connection, given: unknown): void {
    const said = checkRegistration(given, this.#refuse)
    const process = this.#identify(connection, said)
    const path = this.#service.pathOf(process)
    if (path === null || this.#isOver)
      throw this.#refuse(
        `${describe(process)} has no end of it to serve at`,
        'Give it `links: { …: "serve" }` in the config.',
      )
    const other = this.#registered.get(process)
    if (other && other.connection !== connection && other.said.generation >= said.generation)
      throw this.#refuse(
        `${describe(process)} serves already, as pid ${other.connection.pid}`,
        'Let one program of it serve, or give the others processes of their own.',
      )
    this.#remove(process)
    this.#registered.set(process, { connection, said: { ...said, process }, path, load: null })
    this.onChange()
  }

  /** What an instance says of how busy it is. Who is not registered is not listened to. */
  report(connection: Connection, load: unknown): void {
    const registration = this.#find(connection)
    if (registration) registration.load = checkLoad(load, this.#refuse)
  }

  /** It serves no more: it says so, or its connection has ended. */
  withdraw(connection: Connection): void {
    const registration = this.#find(connection)
    if (registration) this.#removeAndTell(registration.said.process)
  }

  /** After the end of an instance: whoever registered for it, and is not of a later one, has gone with it. */
  review(process: string): void {
    const registration = this.#registered.get(process)
    if (!registration || process === outside) return
    const owner = this.#service.findOwner(registration.connection.pid)
    if (owner?.process === process && owner.generation === registration.said.generation) return
    this.#removeAndTell(process)
  }

  /** Its socket was given to a process: it may come back. */
  begin(process: string): void {
    if (this.#finished.delete(process)) this.onChange()
  }

  /** That process will not come back. */
  finish(process: string): void {
    if (this.#finished.has(process)) return
    this.#finished.add(process)
    this.#removeAndTell(process)
  }

  /** Nobody will ever serve again. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const process of [...this.#registered.keys()]) this.#remove(process)
    for (const process of this.#service.servers) this.#finished.add(process)
    this.onChange()
  }

  directory(): Directory {
    const { name, guarantee, store, servers } = this.#service
    const instances = [...this.#registered.values()].map(({ said, path }) => {
      const { process, generation, methods, took = false, ring = false } = said
      return { process, generation, path, methods, took, ring }
    })
    return { service: name, guarantee, store, servers, instances, finished: [...this.#finished], over: this.#isOver }
  }

  facts(): ServiceFacts {
    const registered = [...this.#registered.values()]
    const sum = (of: keyof LoadLine['load']) => registered.reduce((all, { load }) => all + (load?.[of] ?? 0), 0)
    return {
      guarantee: this.#service.guarantee,
      servers: this.#service.servers.filter(name => !this.#finished.has(name)),
      calls: this.#pastCalls + sum('calls'),
      outstanding: sum('outstanding'),
      instances: registered.map(({ connection, said, load }) => ({
        process: said.process,
        generation: said.generation,
        pid: connection.pid,
        methods: Object.fromEntries(said.methods.map(method => [method, arityOf(said, method)])),
        calls: load?.calls ?? null,
        outstanding: load?.outstanding ?? null,
      })),
    }
  }

  readonly #refuse: Refuse = (why, advice) =>
    new IpcsupError('IPCSUP_ERR_REGISTRATION', { service: this.#service.name, why, advice })

  /** As whom a connection may register: a program registers for the instance that it is of, and for no other. */
  #identify({ pid }: Connection, { process, generation }: RegisterLine['register']): string {
    const owner = this.#service.findOwner(pid)
    if (owner === null && !this.#service.servers.includes(process)) return outside
    if (owner?.process === process && owner.generation === generation) return process
    if (pid <= 0)
      throw this.#refuse(
        `whether a program is ${describe(process)} cannot be seen from here: it runs in another pid namespace`,
        'Have ipcsup start it, or run ipcsup in the pid namespace of that program, or in one above.',
      )
    const is = owner === null ? 'is none of its programs' : `is of ${describe(owner.process)} ${owner.generation}`
    throw this.#refuse(
      `pid ${pid} says that it is ${describe(process)} ${generation}, and ${is}`,
      'A program registers for itself: with its own IPCSUP_PROCESS and IPCSUP_GENERATION.',
    )
  }

  #find(connection: Connection): Registration | undefined {
    return [...this.#registered.values()].find(registration => registration.connection === connection)
  }

  #remove(process: string): void {
    this.#pastCalls += this.#registered.get(process)?.load?.calls ?? 0
    this.#registered.delete(process)
  }

  #removeAndTell(process: string): void {
    this.#remove(process)
    this.onChange()
  }
}

type Refuse = (why: string, advice: string) => IpcsupError

const describe = (process: string): string => (process === outside ? 'a program outside' : `"${process}"`)

const arityOf = ({ arity }: RegisterLine['register'], method: string): number | null =>
  arity !== undefined && Object.hasOwn(arity, method) ? arity[method]! : null

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const wireAdvice = 'See the page on the wire of services.'

/** What a stranger sent. */
function checkRegistration(given: unknown, refuse: Refuse): RegisterLine['register'] {
  const said = (given ?? {}) as Readonly<Record<string, unknown>>
  const { process, generation, methods, arity = {}, took, ring } = said
  if (typeof process !== 'string') throw refuse('`process` must be a string', wireAdvice)
  if (!isCount(generation)) throw refuse('`generation` must be a whole number', wireAdvice)
  if (!Array.isArray(methods) || !methods.every(method => typeof method === 'string'))
    throw refuse('`methods` must be a list of strings', wireAdvice)
  if (typeof arity !== 'object' || arity === null || !Object.values(arity).every(isCount))
    throw refuse('`arity` must have whole numbers', wireAdvice)
  return {
    process,
    generation,
    methods: methods as readonly string[],
    arity: arity as Readonly<Record<string, number>>,
    took: took === true,
    ring: ring === true,
  }
}

function checkLoad(given: unknown, refuse: Refuse): LoadLine['load'] {
  const { calls, outstanding } = (given ?? {}) as Readonly<Record<string, unknown>>
  if (isCount(calls) && isCount(outstanding)) return { calls, outstanding }
  throw refuse('`calls` and `outstanding` must be whole numbers', wireAdvice)
}
