/** Message queues of System V. They have no descriptor: nothing can wait for them but a thread inside of msgrcv. */
import { check, declare, lastErrno, systemError } from './native.js'
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  isGone,
  permissionsSize,
  readPermissions,
  type SysvPermissions,
  unlessMissing,
} from './sysv.js'

const msgget = declare<(key: number, flags: number) => number>('int msgget(int key, int flags)')
const msgctl = declare<(id: number, command: number, status: Buffer | null) => number>(
  'int msgctl(int id, int command, void *status)',
)
const msgsnd = declare<(id: number, message: Buffer, size: number, flags: number) => number>(
  'int msgsnd(int id, void *message, size_t size, int flags)',
)
const msgrcv = declare<(id: number, message: Buffer, size: number, type: number, flags: number) => number>(
  'long msgrcv(int id, void *message, size_t size, long type, int flags)',
)

// struct msqid_ds: after the permissions stime, rtime, ctime, cbytes, qnum, qbytes (8 bytes each), two pids, two longs.
const statusSize = permissionsSize + 72
const offsets = { changed: 64, bytes: 72, messages: 80, maxBytes: 88 } as const
/** Of struct msgbuf: the type, a long. */
const headSize = 8

export interface SysvQueueStatus extends SysvPermissions {
  /** When it was made or its limits were last changed, s since 1970. */
  readonly changedSeconds: number
  readonly bytes: number
  readonly messages: number
  readonly maxBytes: number
}

/** Its number; null: there is none with that key. */
export function findSysvQueue(key: number): number | null {
  return unlessMissing(msgget(key | 0, 0), `Finding the message queue with key ${key}`, 'msgget')
}

/** Makes one that must not exist, with exactly that mode, and returns its number. Throws EEXIST, ENOSPC. */
export function createSysvQueue(key: number, mode: number): number {
  const what = `Creating the message queue with key ${key}`
  return check(msgget(key | 0, IPC_CREAT | IPC_EXCL | mode), what, 'msgget')
}

/** null: it is gone. */
export function readSysvQueue(id: number): SysvQueueStatus | null {
  const status = readStatus(id)
  if (status === null) return null
  const read = (offset: number): number => Number(status.readBigUInt64LE(offset))
  return {
    ...readPermissions(status),
    changedSeconds: read(offsets.changed),
    bytes: read(offsets.bytes),
    messages: read(offsets.messages),
    maxBytes: read(offsets.maxBytes),
  }
}

/** Sets how many bytes fit in. Throws EPERM above the system's limit. */
export function changeSysvQueue(id: number, maxBytes: number): void {
  const what = `Changing the size of message queue ${id}`
  const status = readStatus(id)
  if (status === null) throw systemError(what, 'msgctl', 'EIDRM')
  status.writeBigUInt64LE(BigInt(maxBytes), offsets.maxBytes)
  check(msgctl(id, IPC_SET, status), what, 'msgctl')
}

/** Whoever waits in it is woken with EIDRM. */
export function removeSysvQueue(id: number): void {
  check(msgctl(id, IPC_RMID, null), `Removing message queue ${id}`, 'msgctl')
}

/** Sends without waiting; false when it is full. Throws EINVAL (too large, or no such queue), EIDRM, EACCES. */
export function sendToSysvQueue(id: number, type: number, bytes: Uint8Array): boolean {
  const message = Buffer.allocUnsafe(headSize + bytes.byteLength)
  message.writeBigInt64LE(BigInt(type))
  message.set(bytes, headSize)
  if (msgsnd(id, message, bytes.byteLength, IPC_NOWAIT) === 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError('Sending to a message queue', 'msgsnd', errno)
}

/**
 * Takes one message without waiting; null when there is none of that type.
 *
 * @param type - 0: the oldest of all; n: the oldest of type n; -n: the oldest of the lowest type up to n
 * @param largest - bytes of the largest message that is taken; throws E2BIG for a larger one, which stays
 */
export function receiveFromSysvQueue(
  id: number,
  type: number,
  largest: number,
): { readonly bytes: Uint8Array; readonly type: number } | null {
  const message = Buffer.allocUnsafe(headSize + largest)
  const size = msgrcv(id, message, largest, type, IPC_NOWAIT)
  if (size >= 0) {
    return { bytes: message.subarray(headSize, headSize + size), type: Number(message.readBigInt64LE()) }
  }
  const errno = lastErrno()
  if (errno === 'ENOMSG') return null
  throw systemError('Receiving from a message queue', 'msgrcv', errno)
}

function readStatus(id: number): Buffer | null {
  const status = Buffer.alloc(statusSize)
  if (msgctl(id, IPC_STAT, status) === 0) return status
  const errno = lastErrno()
  if (isGone(errno)) return null
  throw systemError(`Reading message queue ${id}`, 'msgctl', errno)
}
