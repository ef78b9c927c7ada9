/**
 * System calls, by the same names on every system. The only reader of `process.platform`.
 *
 * Where a system cannot do something, its function throws IPCSUP_ERR_UNSUPPORTED; a call that fails throws
 * IPCSUP_ERR_SYSTEM with `detail.call` and `detail.errno`. Nothing native is loaded before the first call.
 */
import * as linux from './linux.js'
import { unsupported } from './unsupported.js'

export type { Readiness } from './linux/descriptors.js'
export type { PipeEnds } from './linux/pipes.js'
export type { OpenFilesLimit, Reaped } from './linux/processes.js'
export type { PeerCredentials, SocketType } from './linux/sockets.js'
export type { NativeStrings, SpawnRequest, SpawnResult } from './linux/spawn.js'
export type { StopWatching } from './linux/watch.js'

/** What every system must offer. */
export type Platform = typeof linux

/** The name of this system as kinds know it. */
export const system: NodeJS.Platform = process.platform

const platform: Platform = system === 'linux' ? linux : unsupported

export const {
  changeOpenFilesLimit,
  changePipeCapacity,
  changeSendBuffer,
  countQueuedBytes,
  createFifo,
  createPipe,
  createSocketPair,
  duplicateDescriptor,
  endProcess,
  groupExists,
  isBackgroundTerminal,
  isNonBlocking,
  makeBlocking,
  makeNativeStrings,
  openPidfd,
  pollNow,
  readOpenFilesLimit,
  readPeer,
  readPipeCapacity,
  readSendBuffer,
  reapProcess,
  receiveMessage,
  reopenPipe,
  reserveDescriptors,
  sendMessage,
  shutdownSocket,
  spawnProcess,
  tryLock,
  watchReadable,
  watchWritable,
} = platform
