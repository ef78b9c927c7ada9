/** What a program has of a service: its side of it. */
import { closeSync } from 'node:fs'
import { basename } from 'node:path'
import { env } from 'node:process'
import { IpcsupError } from '../../errors.js'
import { closedEnd } from '../closed-end.js'
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
export function openService(end: ChildEnd): ServingEnd | CallingEnd {
  return end.side === 'serve' ? openServingEnd(end) : openCallingEnd(end.hint.path!, end.link, nameFor(end))
}

/** Name of this process; empty: it has none. */
const ownName = (): string => env['IPCSUP_PROCESS'] ?? ''

/** An app may well be a process of another supervisor, by a name that means nothing here. */
const nameFor = ({ isOfApp }: ChildEnd): string => (isOfApp ? '' : ownName())

function openServingEnd(end: ChildEnd): ServingEnd {
  const { link, descriptor, hint } = end
  let service: Promise<Service> | null = null
  const { isOpen, close, once } = beginEnd(() => {
    if (service === null) closeSync(descriptor)
    else
      service.then(
        started => started.close(),
        () => {},
      )
  })
  const process = nameFor(end)
  const generation = Number(env['IPCSUP_GENERATION'] ?? 1)
  return {
    close,
    once,
    serve: async api => {
      if (!isOpen()) throw closedEnd(link, 'service')
      if (service !== null) throw servedTwice(link)
      service = startService({ descriptor, meeting: hint.path!, process, generation }, api)
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
  caller = ownName(),
): CallingEnd<Offered> {
  const client = new ServiceClient({ service, meeting, process: caller || undefined })
  return {
    methods: makeClient<Offered>(client),
    call: (method, args, options) => client.call(method, args, options),
    find: () => client.find(),
    close: () => client.close(),
    once: client.once,
  }
}

function servedTwice(link = 'service'): IpcsupError {
  const advice = 'Serve all methods of it at once: serve({ one, two }).'
  return new IpcsupError('IPCSUP_ERR_LINK_USE', {
    link,
    what: 'served again',
    why: 'this program serves it already',
    advice,
  })
}
