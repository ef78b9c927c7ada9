/**
 * What the objects of System V have in common. Their keys and numbers are 32 bits; a number (`id`) is given anew for
 * each object that is made, a key is what programs agree on.
 *
 * Layouts: linux/ipc.h and asm-generic/{ipcbuf,msgbuf}.h, the same on x86-64, arm64 and riscv64. (That of semaphores
 * differs: asm/sembuf.h of x86 has more padding.)
 */
import { lastErrno, systemError } from './native.js'

export const IPC_CREAT = 0o1000
export const IPC_EXCL = 0o2000
export const IPC_NOWAIT = 0o4000
export const IPC_RMID = 0
export const IPC_SET = 1
export const IPC_STAT = 2

/** Bytes of struct ipc_perm, which every …id_ds begins with. */
export const permissionsSize = 48

export interface SysvPermissions {
  /** User id of who made it. */
  readonly creator: number
  /** Permission bits. */
  readonly mode: number
}

/** The first part of a struct …id_ds: key, uid, gid, cuid, cgid, mode, each 4 bytes. */
export function readPermissions(status: Buffer): SysvPermissions {
  return { creator: status.readUInt32LE(12), mode: status.readUInt32LE(20) & 0o777 }
}

/** Result of a …get call; null: there is no object with that key. */
export function unlessMissing(id: number, what: string, call: string): number | null {
  if (id >= 0) return id
  const errno = lastErrno()
  if (errno === 'ENOENT') return null
  throw systemError(what, call, errno)
}

/** True when the object of a number is gone, by the errno of a call with it. */
export function isGone(errno: string): boolean {
  return errno === 'EINVAL' || errno === 'EIDRM'
}
