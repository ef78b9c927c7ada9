/** Linux. */
export {
  countQueuedBytes,
  duplicateDescriptor,
  isBackgroundTerminal,
  isNonBlocking,
  makeBlocking,
  pollNow,
  reserveDescriptors,
  tryLock,
} from './linux/descriptors.js'
export { changePipeCapacity, createFifo, createPipe, readPipeCapacity, reopenPipe } from './linux/pipes.js'
export {
  changeOpenFilesLimit,
  endProcess,
  groupExists,
  openPidfd,
  readOpenFilesLimit,
  reapProcess,
} from './linux/processes.js'
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
export { watchReadable, watchWritable } from './linux/watch.js'
