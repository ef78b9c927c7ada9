/** The supervisor's half of a service, as small as it can be. */
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  createLineReader,
  type Directory,
  type Guarantee,
  type Instance,
  type RegisterLine,
} from '../../../src/ipc/service/wire.js'
import { bindUnixSocket, createUnixSocket, duplicateDescriptor, listenAt } from '../../../src/platform/index.js'

export class TestMeeting {
  readonly path: string
  readonly #server: Server
  readonly #directory: string
  readonly #guarantee: Guarantee
  readonly #listeners = new Map<string, number>()
  readonly #sockets = new Set<Socket>()
  readonly #instances = new Map<string, { instance: Instance; socket: Socket }>()
  readonly finished: string[] = []
  over = false
  /** What instances have said, in order. */
  readonly registered: RegisterLine['register'][] = []

  private constructor(directory: string, guarantee: Guarantee) {
    this.#directory = directory
    this.#guarantee = guarantee
    this.path = join(directory, 'calc.service')
    this.#server = createServer(socket => this.#attend(socket))
  }

  static async open(directory: string, guarantee: Guarantee = 'at-most-once'): Promise<TestMeeting> {
    const meeting = new TestMeeting(directory, guarantee)
    await new Promise<void>(resolve => meeting.#server.listen(meeting.path, resolve))
    return meeting
  }

  get store(): string {
    return join(this.#directory, 'store')
  }

  pathOf(process: string): string {
    return join(this.#directory, `calc.${process}.sock`)
  }

  /** A duplicate of the listening socket of that process; the caller closes it. */
  take(process: string): number {
    let descriptor = this.#listeners.get(process)
    if (descriptor === undefined) {
      descriptor = createUnixSocket('stream', {})
      bindUnixSocket(descriptor, { path: this.pathOf(process) })
      listenAt(descriptor, 100)
      this.#listeners.set(process, descriptor)
    }
    return duplicateDescriptor(descriptor)
  }

  #attend(socket: Socket): void {
    const read = createLineReader()
    this.#sockets.add(socket)
    const leave = (): void => {
      for (const [process, registered] of this.#instances)
        if (registered.socket === socket) this.#instances.delete(process)
      this.tell()
    }
    socket.on('data', piece => {
      for (const line of read(piece)) {
        if ('register' in line) this.#register(socket, line['register'] as RegisterLine['register'])
        if ('unregister' in line) leave()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      leave()
    })
    socket.write(this.#describe())
  }

  #register(socket: Socket, said: RegisterLine['register']): void {
    const { process, generation, methods, took = false, ring = false } = said
    this.registered.push(said)
    this.#instances.set(process, {
      socket,
      instance: { process, generation, methods, took, ring, path: this.pathOf(process) },
    })
    this.tell()
  }

  tell(): void {
    for (const socket of this.#sockets) socket.write(this.#describe())
  }

  #describe(): string {
    const directory: Directory = {
      service: 'calc',
      guarantee: this.#guarantee,
      store: this.store,
      servers: [...this.#listeners.keys()],
      instances: [...this.#instances.values()].map(({ instance }) => instance),
      finished: this.finished,
      over: this.over,
    }
    return `${JSON.stringify(directory)}\n`
  }

  get instances(): readonly Instance[] {
    return [...this.#instances.values()].map(({ instance }) => instance)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
