/**
 * The one table of what can be asked over the control socket: how each verb of `Controls` is a request.
 * Server and client both read it, so they cannot drift apart.
 */
import { join } from 'node:path'
import { IpcsupError } from '../errors.js'
import type { Controls } from '../supervisor/controls.js'

export type Verb = keyof Controls

export interface Route<V extends Verb> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The arguments as the JSON body; undefined: no body. */
  encode(...args: Parameters<Controls[V]>): unknown
  /**
   * The arguments again, from what a stranger sent.
   * @throws IPCSUP_ERR_REQUEST
   */
  decode(body: unknown): Parameters<Controls[V]>
}

export const routes = {
  status: ask('/v1/status'),
  plan: ask('/v1/plan'),
  logFiles: ask('/v1/logs'),
  startProcesses: {
    method: 'POST',
    path: '/v1/processes/start',
    encode: names => ({ names }),
    decode: body => [readNames(body)],
  },
  stopProcesses: {
    method: 'POST',
    path: '/v1/processes/stop',
    encode: (names, { end }) => ({ names, end }),
    decode: body => [readNames(body), { end: readFlag(body, 'end') }],
  },
  restartProcesses: {
    method: 'POST',
    path: '/v1/processes/restart',
    encode: names => ({ names }),
    decode: body => [readNames(body)],
  },
  signalProcesses: {
    method: 'POST',
    path: '/v1/processes/signal',
    encode: (names, signal) => ({ names, signal }),
    decode: body => [readNames(body), readText(body, 'signal')],
  },
  callLink: {
    method: 'POST',
    path: '/v1/links/call',
    encode: link => ({ link }),
    decode: body => [readText(body, 'link')],
  },
  stop: {
    method: 'POST',
    path: '/v1/stop',
    encode: options => ({ now: options?.now ?? false, kill: options?.kill ?? false }),
    decode: body => [{ now: readFlag(body, 'now'), kill: readFlag(body, 'kill') }],
  },
} satisfies { readonly [V in Verb]: Route<V> }

/** Largest body that either side reads: all 10,000 names of 63 bytes and their quotes fit. */
export const maxRequestBytes = 1024 * 1024

/** Path of the control socket of a run. */
export function controlSocket(directory: string): string {
  return join(directory, 'control.sock')
}

/** The verb of a request; null: there is none. */
export function findVerb(method: string | undefined, path: string | undefined): Verb | null {
  const verbs = Object.keys(routes) as Verb[]
  return verbs.find(verb => routes[verb].method === method && routes[verb].path === path) ?? null
}

function ask(path: string) {
  return { method: 'GET', path, encode: () => undefined, decode: (): [] => [] } as const
}

function readNames(body: unknown): readonly string[] {
  const names = readField(body, 'names') ?? []
  if (Array.isArray(names) && names.every(name => typeof name === 'string')) return names
  throw refuse('names', 'a list of names', names)
}

function readFlag(body: unknown, field: string): boolean {
  const flag = readField(body, field) ?? false
  if (typeof flag === 'boolean') return flag
  throw refuse(field, 'true or false', flag)
}

function readText(body: unknown, field: string): string {
  const text = readField(body, field)
  if (typeof text === 'string') return text
  throw refuse(field, 'a string', text)
}

function readField(body: unknown, field: string): unknown {
  if (typeof body === 'object' && body !== null) return (body as Record<string, unknown>)[field]
  throw new IpcsupError('IPCSUP_ERR_REQUEST', { request: field, why: 'the body must be a JSON object' })
}

function refuse(field: string, wanted: string, got: unknown): IpcsupError {
  const why = `it must be ${wanted}, got ${JSON.stringify(got) ?? 'nothing'}`
  return new IpcsupError('IPCSUP_ERR_REQUEST', { request: field, why })
}
