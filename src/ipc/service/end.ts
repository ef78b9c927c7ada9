/** What a program has of a service: its side of it. */
import { closeSync } from 'node:fs'
import { basename } from 'node:path'
import { env } from 'node:process'
import type { ChildEnd } from '../kind.js'
import { beginEnd, type ClosableEnd } from '../open-end.js'
import type { AnyApi, Api, CallOptions, Client } from './api.js'
import { ServiceClient } from './client.js'
import { makeClient } from './proxy.js'
import { type Service, startService } from './server.js'
import type { Directory } from './wire.js'

/** The serving end of a link, before it serves. */
export interface ServingEnd extends ClosableEnd {
  /** See `serve` of `ipcsup/child`. Once. */
  serve(api: Api): Promise<Service>
}

/** The calling end of a link. */
export interface CallingEnd<Offered = AnyApi> extends ClosableEnd {
  /** The methods, each by its name. */
  readonly methods: Client<Offered>
  /** The same by name: every argument is an argument. */
  call(method: string, args: readonly unknown[], options?: CallOptions): Promise<unknown>
  /** The instances that serve now. */
  find(): Promise<Directory>
}

/** Opens an end; nothing is connected before it is needed. */
export function openService({ link, descriptor, side, hint }: ChildEnd): ServingEnd | CallingEnd {
  const meeting = hint.path!
  return side === 'serve' ? openServingEnd(descriptor, meeting) : openCallingEnd(meeting, link)
}

function openServingEnd(descriptor: number, meeting: string): ServingEnd {
  let service: Promise<Service> | null = null
  const { isOpen, close, once } = beginEnd(() => {
    if (service === null) closeSync(descriptor)
    else
      service.then(
        started => started.close(),
        () => {},
      )
  })
  const process = env['IPCSUP_PROCESS'] ?? ''
  const generation = Number(env['IPCSUP_GENERATION'] ?? 1)
  return {
    close,
    once,
    serve: async api => {
      if (service !== null || !isOpen()) throw new Error('An end of a service serves once, as long as it is open')
      service = startService({ descriptor, meeting, process, generation }, api)
      const started = await service
      started.once('close', close)
      return started
    },
  }
}

/** @param meeting - path of the meeting socket, which outsiders can know too */
export function openCallingEnd<Offered = AnyApi>(
  meeting: string,
  service = basename(meeting, '.service'),
): CallingEnd<Offered> {
  const client = new ServiceClient({ service, meeting, process: env['IPCSUP_PROCESS'] })
  return {
    methods: makeClient<Offered>(client),
    call: (method, args, options) => client.call(method, args, options),
    find: () => client.find(),
    close: () => client.close(),
    once: client.once,
  }
}
