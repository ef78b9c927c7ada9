/** POSIX message queues. On Linux a queue descriptor is a file descriptor: polled, opened again and closed as any other. */
import { constants, openSync, readSync } from 'node:fs'
import { check, declare, lastErrno, systemError } from './native.js'

const mqOpen = declare<(name: string, flags: number, mode: number, attributes: BigInt64Array | null) => number>(
  'int mq_open(const char *name, int flags, unsigned int mode, void *attributes)',
)
const mqUnlink = declare<(name: string) => number>('int mq_unlink(const char *name)')
const mqGetAttributes = declare<(queue: number, attributes: BigInt64Array) => number>(
  'int mq_getattr(int queue, void *attributes)',
)
const mqSend = declare<(queue: number, bytes: Uint8Array, length: number, priority: number) => number>(
  'int mq_send(int queue, void *bytes, size_t length, unsigned int priority)',
)
const mqReceive = declare<(queue: number, bytes: Uint8Array, length: number, priority: Uint32Array) => number>(
  'long mq_receive(int queue, void *bytes, size_t length, void *priority)',
)

/** What one open file description of a queue may do. */
export type QueueAccess = 'read' | 'write' | 'both'

const flags = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  both: constants.O_RDWR,
} as const satisfies Record<QueueAccess, number>

export interface QueueSize {
  readonly maxMessages: number
  /** Bytes of one message at most. */
  readonly messageSize: number
}

// mqueue.h: flags, maxmsg, msgsize, curmsgs and four that are reserved, each a long.
const attributeCount = 8

/**
 * Makes a queue that must not exist, opened for both; the caller closes it. Close-on-exec and non-blocking. The umask of
 * this process takes bits of `mode` away. Throws EEXIST, EMFILE (too many descriptors, or too many bytes in queues of
 * this user), EINVAL (a size over the system's limit), ENOSPC (too many queues).
 */
export function createQueue(name: string, mode: number, { maxMessages, messageSize }: QueueSize): number {
  const attributes = new BigInt64Array(attributeCount)
  attributes[1] = BigInt(maxMessages)
  attributes[2] = BigInt(messageSize)
  const how = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NONBLOCK
  return check(mqOpen(name, how, mode, attributes), `Creating the message queue ${name}`, 'mq_open')
}

/** Opens a queue that exists; the caller closes it. Close-on-exec and non-blocking. */
export function openQueue(name: string, access: QueueAccess): number {
  return check(
    mqOpen(name, flags[access] | constants.O_NONBLOCK, 0, null),
    `Opening the message queue ${name}`,
    'mq_open',
  )
}

/**
 * A fresh open file description of the queue behind `descriptor`, the very same one whatever has happened to its name;
 * the caller closes it. Close-on-exec (Node's doing).
 */
export function reopenQueue(descriptor: number, access: QueueAccess, how: { readonly blocking: boolean }): number {
  return openSync(`/proc/self/fd/${descriptor}`, flags[access] | (how.blocking ? 0 : constants.O_NONBLOCK))
}

export function removeQueue(name: string): void {
  check(mqUnlink(name), `Removing the message queue ${name}`, 'mq_unlink')
}

/** Its size, and how many messages are in it. */
export function readQueue(descriptor: number): QueueSize & { readonly messages: number } {
  const attributes = new BigInt64Array(attributeCount)
  check(mqGetAttributes(descriptor, attributes), 'Reading a message queue', 'mq_getattr')
  return {
    maxMessages: Number(attributes[1]),
    messageSize: Number(attributes[2]),
    messages: Number(attributes[3]),
  }
}

/** Bytes of all messages in a queue. Reading one as a file takes nothing: it gives what /dev/mqueue shows. */
export function countMessageBytes(descriptor: number): number {
  const text = Buffer.alloc(100)
  const size = readSync(descriptor, text, 0, text.length, 0)
  return Number(/^QSIZE:(\d+)/.exec(text.toString('latin1', 0, size))![1])
}

/** Sends without waiting, on a non-blocking description; false when the queue is full. Throws EMSGSIZE, EBADF. */
export function sendToQueue(descriptor: number, bytes: Uint8Array, priority: number): boolean {
  if (mqSend(descriptor, bytes, bytes.byteLength, priority) === 0) return true
  return refuseUnlessAgain('Sending to a message queue', 'mq_send')
}

/**
 * Takes the oldest of the messages with the highest priority, without waiting; null when there is none.
 *
 * @param room - at least as large as the largest message of the queue; what is returned is a part of it
 */
export function receiveFromQueue(
  descriptor: number,
  room: Uint8Array,
): { readonly bytes: Uint8Array; readonly priority: number } | null {
  const priority = new Uint32Array(1)
  const size = mqReceive(descriptor, room, room.byteLength, priority)
  if (size >= 0) return { bytes: room.subarray(0, size), priority: priority[0]! }
  refuseUnlessAgain('Receiving from a message queue', 'mq_receive')
  return null
}

function refuseUnlessAgain(what: string, call: string): false {
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError(what, call, errno)
}
