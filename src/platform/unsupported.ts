/** Every other system: the same names, each of which says that it is missing. */
import { IpcsupError } from '../errors.js'
import type { Platform } from './index.js'

function refuse(what: string): () => never {
  return () => {
    throw new IpcsupError('IPCSUP_ERR_UNSUPPORTED', { what, system: process.platform })
  }
}

const limit = refuse('The limit of open files')
const memory = refuse('Shared memory')
const pipes = refuse('A pipe outside of child processes')
const locks = refuse('Locking a file')
const semaphores = refuse('A semaphore')
const sockets = refuse('A socket pair')
const passing = refuse('Passing a descriptor')
const notifications = refuse('Telling that a process is ready')
const processes = refuse('Supervision of processes')
const readiness = refuse('Readiness of a descriptor')
const queues = refuse('A POSIX message queue')
const sysvQueues = refuse('A message queue of System V')
const addressed = refuse('A socket made outside of Node')

export const unsupported: Platform = {
  acceptConnection: addressed,
  addPermits: semaphores,
  bindSocket: addressed,
  bindToThread: passing,
  bindUnixSocket: addressed,
  changeOpenFilesLimit: limit,
  changePipeCapacity: pipes,
  changeSendBuffer: sockets,
  changeSocketOption: addressed,
  changeSysvQueue: sysvQueues,
  changeSysvSemaphore: semaphores,
  clearSemaphoreBit: semaphores,
  connectNotificationSocket: notifications,
  connectPackets: passing,
  connectUnixSocket: addressed,
  countMessageBytes: queues,
  countQueuedBytes: pipes,
  countWaitingTcp: addressed,
  countWaitingUnix: addressed,
  createEvent: refuse('An event descriptor'),
  createFifo: refuse('A FIFO'),
  createInternetSocket: addressed,
  createMemory: memory,
  createLoop: pipes,
  createPipe: pipes,
  createQueue: queues,
  createSemaphore: semaphores,
  createSocketPair: sockets,
  createSysvQueue: sysvQueues,
  createSysvSemaphore: semaphores,
  createUnixSocket: addressed,
  duplicateDescriptor: refuse('Duplicating a descriptor'),
  encodeHost: addressed,
  endProcess: processes,
  findSocketsBoundTo: addressed,
  findSysvQueue: sysvQueues,
  findSysvSemaphore: semaphores,
  groupExists: processes,
  identifyDescriptor: refuse('Identifying a descriptor'),
  isBackgroundTerminal: refuse('The foreground group of a terminal'),
  isNonBlocking: readiness,
  isRangeLocked: locks,
  isSizeSealed: memory,
  joinGroup: addressed,
  listenAt: addressed,
  listenForPackets: passing,
  makeBlocking: readiness,
  makeNativeStrings: processes,
  makeNonBlocking: readiness,
  mapMemory: memory,
  mapUntouched: memory,
  nameFile: memory,
  openAgain: pipes,
  openNotificationSocket: notifications,
  openPidfd: processes,
  openQueue: queues,
  openUnnamedFile: memory,
  peekPacket: passing,
  planUnmapping: memory,
  pollNow: readiness,
  readAvailableMemory: memory,
  readInterfaceIndex: addressed,
  readOpenFilesLimit: limit,
  readPeer: refuse('The identity of a peer'),
  readPipeCapacity: pipes,
  readQueue: queues,
  readSendBuffer: sockets,
  readSocketAddress: addressed,
  readSocketOption: addressed,
  readSysvQueue: sysvQueues,
  readSysvSemaphore: semaphores,
  readSysvSemaphoreUses: semaphores,
  readSysvSemaphoreValues: semaphores,
  reapProcess: processes,
  receiveDatagram: addressed,
  receiveFromQueue: queues,
  receiveFromSysvQueue: sysvQueues,
  receiveMessage: sockets,
  receivePacket: passing,
  removeQueue: queues,
  removeSysvQueue: sysvQueues,
  removeSysvSemaphore: semaphores,
  reopenPipe: pipes,
  reopenQueue: queues,
  reserveDescriptors: refuse('Reserving descriptors'),
  reserveSpace: memory,
  sealSize: memory,
  sendDatagram: addressed,
  sendMessage: sockets,
  sendPacket: passing,
  sendToQueue: queues,
  sendToSysvQueue: sysvQueues,
  setSysvSemaphoreValues: semaphores,
  shutdownSocket: sockets,
  spawnProcess: processes,
  tryLock: refuse('Locking a file'),
  tryLockRange: locks,
  unlockRange: locks,
  wakeSemaphore: semaphores,
  watchReadable: readiness,
  watchWritable: readiness,
  yieldProcessor: processes,
}
