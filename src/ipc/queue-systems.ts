/**
 * The two systems of message queues as a Node program uses them. A POSIX queue is waited for in the event loop; one of
 * System V has no descriptor, so it is asked again and again, at most 16 ms apart: a thread that waits in msgrcv would
 * keep the program from ending.
 */
import { closeSync, readFileSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import {
  readQueue,
  readSysvQueue,
  receiveFromQueue,
  receiveFromSysvQueue,
  reopenQueue,
  type StopWatching,
  sendToQueue,
  sendToSysvQueue,
  watchReadable,
  watchWritable,
} from '../platform/index.js'
import type { ChildEnd } from './kind.js'
import { errnoOf } from './refusal.js'

export interface QueueMessage {
  readonly bytes: Uint8Array
  /** POSIX: 0 to 32767, higher ones come first. */
  readonly priority?: number
  /** System V: what its sender chose, at least 1. */
  readonly type?: number
}

export interface SendOptions {
  /** POSIX: 0 to 32767, higher ones are received first. Default: 0. */
  readonly priority?: number
  /** System V: 1 to 2,147,483,647. Default: 1. */
  readonly type?: number
  /** Gives up waiting. */
  readonly signal?: AbortSignal
}

export interface ReceiveOptions {
  /** System V. 0: the oldest message; n: the oldest of that type; -n: the oldest of the lowest type up to n. Default: 0. */
  readonly type?: number
  /** Gives up waiting; nothing is taken then. */
  readonly signal?: AbortSignal
}

export type Wait = (descriptor: number, onReady: () => void) => StopWatching

/** What differs between the two systems. Nothing here waits. */
export interface QueueSystem {
  /** false: it is full. */
  send(bytes: Uint8Array, options: SendOptions): boolean
  /** null: there is no such message. */
  receive(options: ReceiveOptions): QueueMessage | null
  /** @param turn - how often this call has waited already */
  wait(side: 'read' | 'write', turn: number): Wait
  readonly descriptor: number
  /** Who waits for one type must not hold up who waits for another. */
  readonly hasTypes: boolean
  close(): void
}

export const systems = { posix: openPosix, sysv: openSysv } as const

function openPosix(end: ChildEnd, side: 'read' | 'write'): QueueSystem {
  // libuv makes what it watches non-blocking: a description of its own, not that which other programs may have inherited.
  const descriptor = reopenQueue(end.descriptor, side, { blocking: false })
  closeSync(end.descriptor)
  const { messageSize } = readQueue(descriptor)
  const room = new Uint8Array(messageSize)
  return {
    descriptor,
    hasTypes: false,
    send: (bytes, { priority = 0, type }) => {
      refuse('type', type, 'posix')
      checkNumber('priority', priority, 0, 32_767)
      if (bytes.byteLength > messageSize) throw tooLarge(bytes, `the \`messageSize\` of the queue is ${messageSize}`)
      return sendToQueue(descriptor, bytes, priority)
    },
    receive: ({ type }) => {
      refuse('type', type, 'posix')
      const message = receiveFromQueue(descriptor, room)
      return message && { bytes: message.bytes.slice(), priority: message.priority }
    },
    wait: way => (way === 'read' ? watchReadable : watchWritable),
    close: () => closeSync(descriptor),
  }
}

const largestDelayMs = 16

function openSysv({ hint }: ChildEnd): QueueSystem {
  const id = hint.id ?? -1
  const largest = Number(readFileSync('/proc/sys/kernel/msgmax', 'latin1'))
  let room = largest
  return {
    descriptor: -1,
    hasTypes: true,
    send: (bytes, { type = 1, priority }) => {
      refuse('priority', priority, 'sysv')
      checkNumber('type', type, 1, 2 ** 31 - 1)
      if (bytes.byteLength > largest) throw tooLarge(bytes, `this system grants ${largest} (/proc/sys/kernel/msgmax)`)
      const isSent = sendToSysvQueue(id, type, bytes)
      if (!isSent) refuseUnlessFits(id, bytes)
      return isSent
    },
    receive: ({ type = 0 }) => {
      checkNumber('type', type, 1 - 2 ** 31, 2 ** 31 - 1)
      for (;;) {
        try {
          return receiveFromSysvQueue(id, type, room)
        } catch (error) {
          if (errnoOf(error) !== 'E2BIG') throw error
          // Sent when msgmax was another one.
          room *= 2
        }
      }
    },
    wait: (_way, turn) => waitFor(Math.min(2 ** turn, largestDelayMs)),
    close: () => {},
  }
}

/** The kernel would let wait for ever what is larger than the whole queue. */
function refuseUnlessFits(id: number, bytes: Uint8Array): void {
  const maxBytes = readMaxBytes(id)
  if (bytes.byteLength > maxBytes) throw tooLarge(bytes, `the queue as a whole has room for ${maxBytes}`)
}

function readMaxBytes(id: number): number {
  try {
    return readSysvQueue(id)?.maxBytes ?? Infinity
  } catch (error) {
    // Who may only write is not told.
    if (errnoOf(error) === 'EACCES') return Infinity
    throw error
  }
}

function waitFor(delayMs: number): Wait {
  return (_descriptor, onReady) => {
    const timer = setTimeout(onReady, delayMs)
    return Object.assign(() => clearTimeout(timer), { unref: () => void timer.unref() })
  }
}

const has = {
  posix: 'a POSIX queue has priorities, no types; those have queues with system: "sysv"',
  sysv: 'a queue with system: "sysv" has types, no priorities',
} as const

/** For what the other system has. */
function refuse(what: string, value: number | undefined, system: keyof typeof has): void {
  if (value === undefined) return
  throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what: `The ${what} ${value}`, why: has[system] })
}

function checkNumber(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  const why = `the ${what} of a message is a whole number from ${min} to ${max}`
  throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what: `The ${what} ${value}`, why })
}

function tooLarge(bytes: Uint8Array, why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what: `Sending a message of ${bytes.byteLength} bytes`, why })
}
