/** Every other system: the same names, each of which says that it is missing. */
import { IpcsupError } from '../errors.js'
import type { Platform } from './index.js'

function refuse(what: string): () => never {
  return () => {
    throw new IpcsupError('IPCSUP_ERR_UNSUPPORTED', { what, system: process.platform })
  }
}

const limit = refuse('The limit of open files')
const pipes = refuse('A pipe outside of child processes')
const sockets = refuse('A socket pair')
const processes = refuse('Supervision of processes')
const readiness = refuse('Readiness of a descriptor')

export const unsupported: Platform = {
  changeOpenFilesLimit: limit,
  changePipeCapacity: pipes,
  changeSendBuffer: sockets,
  countQueuedBytes: pipes,
  createFifo: refuse('A FIFO'),
  createPipe: pipes,
  createSocketPair: sockets,
  duplicateDescriptor: refuse('Duplicating a descriptor'),
  endProcess: processes,
  groupExists: processes,
  isBackgroundTerminal: refuse('The foreground group of a terminal'),
  isNonBlocking: readiness,
  makeBlocking: readiness,
  makeNativeStrings: processes,
  openPidfd: processes,
  pollNow: readiness,
  readOpenFilesLimit: limit,
  readPeer: refuse('The identity of a peer'),
  readPipeCapacity: pipes,
  readSendBuffer: sockets,
  reapProcess: processes,
  receiveMessage: sockets,
  reopenPipe: pipes,
  reserveDescriptors: refuse('Reserving descriptors'),
  sendMessage: sockets,
  shutdownSocket: sockets,
  spawnProcess: processes,
  tryLock: refuse('Locking a file'),
  watchReadable: readiness,
  watchWritable: readiness,
}
