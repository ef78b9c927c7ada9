/** Linux. */

export { readAvailableMemory } from './linux/available-memory.js'
export { joinGroup, receiveDatagram, sendDatagram } from './linux/datagrams.js'
export {
  bindToThread,
  countQueuedBytes,
  duplicateDescriptor,
  identifyDescriptor,
  isBackgroundTerminal,
  isNonBlocking,
  makeBlocking,
  makeNonBlocking,
  openAgain,
  pollNow,
  reserveDescriptors,
  tryLock,
} from './linux/descriptors.js'
export { createEvent } from './linux/events.js'
export {
  bindSocket,
  changeSocketOption,
  createInternetSocket,
  encodeHost,
  readInterfaceIndex,
  readSocketAddress,
  readSocketOption,
} from './linux/internet.js'
export {
  acceptConnection,
  bindUnixSocket,
  connectUnixSocket,
  countWaitingTcp,
  createUnixSocket,
  listenAt,
} from './linux/listening.js'
export {
  isRangeLocked,
  tryLockRange,
  unlockRange,
} from './linux/locks.js'
export {
  createMemory,
  isSizeSealed,
  mapMemory,
  mapUntouched,
  nameFile,
  openUnnamedFile,
  planUnmapping,
  reserveSpace,
  sealSize,
} from './linux/memory.js'
export { connectNotificationSocket, openNotificationSocket } from './linux/notify.js'
export { connectPackets, listenForPackets, peekPacket, receivePacket, sendPacket } from './linux/passing.js'
export { changePipeCapacity, createFifo, createLoop, createPipe, readPipeCapacity, reopenPipe } from './linux/pipes.js'
export {
  countMessageBytes,
  createQueue,
  openQueue,
  readQueue,
  receiveFromQueue,
  removeQueue,
  reopenQueue,
  sendToQueue,
} from './linux/posix-queues.js'
export {
  changeOpenFilesLimit,
  endProcess,
  groupExists,
  openPidfd,
  readOpenFilesLimit,
  reapProcess,
  yieldProcessor,
} from './linux/processes.js'
export { addPermits, clearSemaphoreBit, createSemaphore, wakeSemaphore } from './linux/semaphores.js'
export { countWaitingUnix, findSocketsBoundTo } from './linux/socket-diag.js'
export {
  changeSendBuffer,
  createSocketPair,
  readPeer,
  readSendBuffer,
  receiveMessage,
  sendMessage,
  shutdownSocket,
} from './linux/sockets.js'
export { makeNativeStrings, spawnProcess } from './linux/spawn.js'
export {
  changeSysvQueue,
  createSysvQueue,
  findSysvQueue,
  readSysvQueue,
  receiveFromSysvQueue,
  removeSysvQueue,
  sendToSysvQueue,
} from './linux/sysv-queues.js'
export {
  changeSysvSemaphore,
  createSysvSemaphore,
  findSysvSemaphore,
  readSysvSemaphore,
  readSysvSemaphoreUses,
  readSysvSemaphoreValues,
  removeSysvSemaphore,
  setSysvSemaphoreValues,
} from './linux/sysv-semaphores.js'
export { watchReadable, watchWritable } from './linux/watch.js'
