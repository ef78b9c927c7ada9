/**
 * Readiness of a descriptor in Node's event loop, for those that `net.Socket` refuses (pidfd, datagram and packet
 * sockets, eventfd). `koffi.node.poll` is not documented: this is its only user, and has a test of its own.
 */
import { closeSync } from 'node:fs'
import { duplicateDescriptor } from './descriptors.js'
import { loadKoffi } from './native.js'

/** Stops watching. Must be called before the descriptor is closed; may be called twice. */
export interface StopWatching {
  (): void
  /** Lets the process end although this watch is open. */
  unref(): void
}

/** By the number that is watched. koffi's handles stop silently when they are collected. */
const handles = new Map<number, { close(): void }>()

/** What is ready when Node takes itself apart would still be called back, and the process aborted. */
function closeAll(): void {
  for (const handle of handles.values()) handle.close()
}

/**
 * Calls back while `descriptor` is readable (also at end of stream and on errors), once for each turn of the loop.
 * Keeps the process alive. libuv makes the description non-blocking.
 */
export function watchReadable(descriptor: number, onReady: () => void): StopWatching {
  return watch(descriptor, { readable: true, disconnect: true }, onReady)
}

/** The same, while it is writable. */
export function watchWritable(descriptor: number, onReady: () => void): StopWatching {
  return watch(descriptor, { writable: true }, onReady)
}

function watch(
  descriptor: number,
  events: { readable?: boolean; writable?: boolean; disconnect?: boolean },
  onReady: () => void,
): StopWatching {
  const state = { isOpen: true, isScheduled: false }
  // libuv takes one watch for each number: a second one of the same end is on a number of its own.
  const own = handles.has(descriptor) ? duplicateDescriptor(descriptor) : descriptor
  const handle = loadKoffi().node.poll(own, events, deliverLater(state, onReady))
  if (handles.size === 0) process.on('exit', closeAll)
  handles.set(own, handle)
  const stop = (): void => {
    if (!state.isOpen) return
    state.isOpen = false
    handles.delete(own)
    if (handles.size === 0) process.off('exit', closeAll)
    handle.close()
    if (own !== descriptor) closeSync(own)
  }
  return Object.assign(stop, { unref: () => handle.unref() })
}

/**
 * koffi calls back outside of any scope of Node's: promises settled in there would wait for some other event. An
 * immediate runs in the same turn of the loop, in a scope of its own.
 */
function deliverLater(state: { isOpen: boolean; isScheduled: boolean }, onReady: () => void): () => void {
  const deliver = (): void => {
    state.isScheduled = false
    if (state.isOpen) onReady()
  }
  return () => {
    if (state.isScheduled) return
    state.isScheduled = true
    setImmediate(deliver)
  }
}
