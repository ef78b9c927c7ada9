/**
 * System calls, by the same names on every system. The only reader of `process.platform`.
 *
 * Where a system cannot do something, its function throws IPCSUP_ERR_UNSUPPORTED; a call that fails throws
 * IPCSUP_ERR_SYSTEM with `detail.call` and `detail.errno`. Nothing native is loaded before the first call.
 */
import * as linux from './linux.js'
import { unsupported } from './unsupported.js'

export type { AvailableMemory } from './linux/available-memory.js'
export type { ReceivedDatagram } from './linux/datagrams.js'
export type { Readiness } from './linux/descriptors.js'
export type { InternetAddress } from './linux/internet.js'
export type { UnixAddress } from './linux/listening.js'
export type { ByteRange } from './linux/locks.js'
export type { NotificationSocket } from './linux/notify.js'
export type { ReceivedPacket } from './linux/passing.js'
export type { PipeEnds } from './linux/pipes.js'
export type { QueueAccess, QueueSize } from './linux/posix-queues.js'
export type { OpenFilesLimit, Reaped } from './linux/processes.js'
export type { PeerCredentials, SocketType } from './linux/sockets.js'
export type { NativeStrings, SpawnRequest, SpawnResult } from './linux/spawn.js'
export type { SysvQueueStatus } from './linux/sysv-queues.js'
export type { SysvSemaphoreStatus } from './linux/sysv-semaphores.js'
export type { StopWatching } from './linux/watch.js'

/** What every system must offer. */
export type Platform = typeof linux

/** The name of this system as kinds know it. */
export const system: NodeJS.Platform = process.platform

const platform: Platform = system === 'linux' ? linux : unsupported

export const {
  acceptConnection,
  addPermits,
  bindToThread,
  bindSocket,
  bindUnixSocket,
  changeOpenFilesLimit,
  changePipeCapacity,
  changeSendBuffer,
  changeSocketOption,
  changeSysvQueue,
  changeSysvSemaphore,
  clearSemaphoreBit,
  connectNotificationSocket,
  connectPackets,
  connectUnixSocket,
  countMessageBytes,
  countQueuedBytes,
  countWaitingTcp,
  countWaitingUnix,
  createEvent,
  createFifo,
  createInternetSocket,
  createMemory,
  createLoop,
  createPipe,
  createQueue,
  createSemaphore,
  createSocketPair,
  createSysvQueue,
  createSysvSemaphore,
  createUnixSocket,
  duplicateDescriptor,
  encodeHost,
  endProcess,
  findSocketsBoundTo,
  findSysvQueue,
  findSysvSemaphore,
  groupExists,
  identifyDescriptor,
  isBackgroundTerminal,
  isNonBlocking,
  isRangeLocked,
  isSizeSealed,
  joinGroup,
  listenAt,
  listenForPackets,
  makeBlocking,
  makeNativeStrings,
  makeNonBlocking,
  mapMemory,
  mapUntouched,
  nameFile,
  openAgain,
  openNotificationSocket,
  openPidfd,
  openQueue,
  openUnnamedFile,
  peekPacket,
  planUnmapping,
  pollNow,
  readAvailableMemory,
  readInterfaceIndex,
  readOpenFilesLimit,
  readPeer,
  readPipeCapacity,
  readQueue,
  readSendBuffer,
  readSocketAddress,
  readSocketOption,
  readSysvQueue,
  readSysvSemaphore,
  readSysvSemaphoreUses,
  readSysvSemaphoreValues,
  reapProcess,
  receiveDatagram,
  receiveFromQueue,
  receiveFromSysvQueue,
  receiveMessage,
  receivePacket,
  removeQueue,
  removeSysvQueue,
  removeSysvSemaphore,
  reopenPipe,
  reopenQueue,
  reserveDescriptors,
  reserveSpace,
  sealSize,
  sendDatagram,
  sendMessage,
  sendPacket,
  sendToQueue,
  sendToSysvQueue,
  setSysvSemaphoreValues,
  shutdownSocket,
  spawnProcess,
  tryLock,
  tryLockRange,
  unlockRange,
  wakeSemaphore,
  watchReadable,
  watchWritable,
  yieldProcessor,
} = platform
