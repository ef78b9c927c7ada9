/** The serving end of a service, in a program. */
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { emitWarning } from 'node:process'
import { IpcsupError } from '../../errors.js'
import { acceptAll } from '../accept-all.js'
import { beginEnd, type ClosableEnd } from '../open-end.js'
import type { Api } from './api.js'
import type { Host } from './call-desk.js'
import { type Meeting, openMeeting } from './meeting.js'
import { describeOffer, type Offer, type Underway } from './perform.js'
import { Session } from './session.js'
import { Store, type StoreOptions } from './store/store.js'
import type { StoreReader } from './store/transaction.js'
import type { Directory } from './wire.js'

/** What a program that serves knows of itself. */
export interface Place {
  /** Of the listening socket; belongs to the server. */
  readonly descriptor: number
  /** Path of the meeting socket. */
  readonly meeting: string
  readonly process: string
  readonly generation: number
}

export interface Service extends ClosableEnd {
  /** Name of the link. */
  readonly name: string
  /** What is committed in the store; null: no method has one. */
  readonly store: StoreReader | null
  /** Takes no new calls, finishes those that it has, and closes. What it refuses its callers make elsewhere, or later. */
  stop(): Promise<void>
}

/**
 * Serves: resolves once callers can find it. From then on it keeps the program alive until it is stopped or closed.
 *
 * @throws IpcsupError `IPCSUP_ERR_SERVICE_STORE`, `IPCSUP_ERR_SERVICE_WIRE`, `IPCSUP_ERR_REGISTRATION`
 */
export async function startService(place: Place, api: Api, options: StoreOptions = {}): Promise<Service> {
  const offers = readApi(api)
  const server = new Server(place, offers)
  try {
    await server.start(options)
  } catch (error) {
    server.close()
    throw error
  }
  return server
}

const noMethod = {
  why: 'it is neither a function nor made by method()',
  advice: 'Give serve() an object whose every member is one of them.',
}

function readApi(api: Api): ReadonlyMap<string, Offer> {
  const offers = Object.entries(api).map(([name, given]) => {
    const offer = describeOffer(given)
    if (offer === null) throw new IpcsupError('IPCSUP_ERR_REGISTRATION', { service: name, ...noMethod })
    return [name, offer] as const
  })
  return new Map(offers)
}

/** setInterval takes no more. */
const longestTimerMs = 2 ** 31 - 1
const reportEveryMs = 1000

class Server implements Service {
  readonly #place: Place
  readonly #offers: ReadonlyMap<string, Offer>
  readonly #sessions = new Set<Session>()
  readonly #underway: Underway = new Map()
  readonly #life = beginEnd(() => this.#release())
  readonly #keeper = setInterval(() => {}, longestTimerMs)
  readonly once = this.#life.once
  #directory: Directory | null = null
  #meeting: Meeting | null = null
  #store: Store | null = null
  #onDirectory: (directory: Directory) => void = () => {}
  #onMeetingEnd: () => void = () => {}
  /** Why there is no connection to the supervisor any more; null: there is one, or will be. */
  #meetingError: unknown = null
  #stopAccepting = (): void => {}
  #isStopping = false
  #stopped: Promise<void> | null = null
  readonly #load = { calls: 0, outstanding: 0 }
  #reporting: NodeJS.Timeout | null = null
  #onIdle: (() => void) | null = null

  constructor(place: Place, offers: ReadonlyMap<string, Offer>) {
    this.#place = place
    this.#offers = offers
  }

  get name(): string {
    return this.#directory!.service
  }

  get store(): StoreReader | null {
    return this.#store?.reader ?? null
  }

  async start(options: StoreOptions): Promise<void> {
    const { process, generation, meeting: path } = this.#place
    openMeeting(path, {
      onDirectory: directory => this.#onDirectory(directory),
      onEnd: (why, refusal) =>
        this.#endMeeting(refusal ?? new IpcsupError('IPCSUP_ERR_SERVICE_WIRE', { service: path, why })),
    }).then(
      meeting => {
        this.#meeting = meeting
      },
      error => this.#endMeeting(error),
    )
    this.#directory = await this.#hear(() => true)
    const needsStore = [...this.#offers.values()].some(({ options: { effects } }) => effects === 'store')
    if (needsStore || this.#isExactlyOnce) this.#store = await this.#openStore(options)
    const methods = [...this.#offers.keys()]
    const arity = Object.fromEntries([...this.#offers].map(([name, offer]) => [name, offer.arity]))
    this.#meeting?.say({ register: { process, generation, methods, arity, took: true, ring: true } })
    await this.#hear(({ instances }) =>
      instances.some(instance => instance.process === process && instance.generation === generation),
    )
    // Not before: a handler may well use what `serve` resolves with. Who has connected waits in the kernel.
    if (!this.#isStopping && this.#life.isOpen()) this.#stopAccepting = acceptAll(this.#place.descriptor, this.#admit)
  }

  async #openStore(options: StoreOptions): Promise<Store> {
    const { service, store: directory } = this.#directory!
    if (directory === '') {
      const why = `the link "${service}" has none, and a method says that it needs one`
      throw new IpcsupError('IPCSUP_ERR_SERVICE_STORE', { path: `of "${service}"`, why })
    }
    const path = join(directory, `${this.#place.process}.store`)
    const store = await Store.open(path, options)
    const { cutBytes, isCutKept } = store
    const place = isCutKept ? `are in ${path}.cut now` : `are gone: there was no room to keep them`
    if (cutBytes > 0) emitWarning(`The last ${cutBytes} bytes of ${path} were no whole record, and ${place}`)
    return store
  }

  get #isExactlyOnce(): boolean {
    return this.#directory!.guarantee === 'exactly-once'
  }

  /** Resolves with the next directory that is as it should be. */
  #hear(isRight: (directory: Directory) => boolean): Promise<Directory> {
    return new Promise((resolve, reject) => {
      this.#onDirectory = directory => {
        if (isRight(directory)) resolve(directory)
      }
      this.#onMeetingEnd = () => reject(this.#meetingError)
      // It may have ended while nobody waited for what it says.
      if (this.#meetingError !== null) reject(this.#meetingError)
    })
  }

  #endMeeting(error: unknown): void {
    this.#meeting?.close()
    this.#meeting = null
    this.#meetingError = error
    this.#onMeetingEnd()
  }

  readonly #admit = (connection: number): void => {
    this.#sessions.add(
      new Session(connection, this.#describeHost(), {
        onBatch: () => this.#reportLater(),
        onClose: session => this.#sessions.delete(session),
      }),
    )
  }

  #describeHost(): Host {
    return {
      service: this.name,
      offers: this.#offers,
      store: this.#store,
      isExactlyOnce: this.#isExactlyOnce,
      underway: this.#underway,
      isStopping: () => this.#isStopping,
      load: this.#load,
      onDone: () => {
        if (--this.#load.outstanding === 0) this.#onIdle?.()
      },
    }
  }

  #reportLater(): void {
    this.#reporting ??= setTimeout(() => {
      this.#reporting = null
      this.#meeting?.say({ load: { ...this.#load } })
      // When they are answered is told as well.
      if (this.#load.outstanding > 0) this.#reportLater()
    }, reportEveryMs).unref()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    if (!this.#life.isOpen()) return
    this.#isStopping = true
    this.#meeting?.say({ unregister: true })
    await this.#meeting?.finish()
    // Who connects from now on waits for the next incarnation.
    this.#stopAccepting()
    while (this.#load.outstanding > 0) await new Promise<void>(resolve => (this.#onIdle = resolve))
    await Promise.all([...this.#sessions].map(session => session.finish()))
    await this.#store?.close()
    this.#store = null
    this.close()
  }

  close(): void {
    this.#life.close()
  }

  #release(): void {
    clearInterval(this.#keeper)
    if (this.#reporting !== null) clearTimeout(this.#reporting)
    this.#stopAccepting()
    for (const session of [...this.#sessions]) session.close()
    this.#meeting?.close()
    this.#store?.close().catch(() => {})
    closeSync(this.#place.descriptor)
  }
}
