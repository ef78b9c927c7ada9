/** What the ends that a Node program opens have in common, where they are no streams of Node's own. */
import type { StopWatching } from '../platform/index.js'

export interface ClosableEnd {
  /** Gives up the end; whoever waits is woken. May be called twice. */
  close(): void
  /** Calls `listener` when it is closed, as streams do. */
  once(event: 'close', listener: () => void): void
}

export interface EndLife extends ClosableEnd {
  isOpen(): boolean
  /**
   * Resolves when the descriptor is ready as `watch` says, or the end was closed. Only while somebody waits does it keep
   * the program alive.
   */
  wait(watch: Watch, descriptor: number): Promise<void>
}

/** `watchReadable` or `watchWritable` of the platform. */
type Watch = (descriptor: number, onReady: () => void) => StopWatching

/** @param release - closes what the end owns; called once */
export function beginEnd(release: () => void): EndLife {
  let isOpen = true
  const wakers = new Set<() => void>()
  const listeners: (() => void)[] = []
  return {
    isOpen: () => isOpen,
    wait: (watch, descriptor) =>
      new Promise(resolve => {
        const wake = (): void => {
          wakers.delete(wake)
          stop()
          resolve()
        }
        const stop = watch(descriptor, wake)
        wakers.add(wake)
      }),
    close: () => {
      if (!isOpen) return
      isOpen = false
      for (const wake of [...wakers]) wake()
      release()
      for (const listener of listeners.splice(0)) listener()
    },
    once: (_close, listener) => void listeners.push(listener),
  }
}
