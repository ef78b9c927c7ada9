/**
 * What processes tell of themselves at $NOTIFY_SOCKET, in the protocol of sd_notify(3): one datagram socket for the run,
 * each datagram attributed by the pid that the kernel says it came from.
 */
import { join } from 'node:path'
import type { Plan } from '../../config/plan.js'
import { openNotificationSocket, watchReadable } from '../../platform/index.js'
import type { HostEvent } from './host.js'
import type { Instances } from './instances.js'
import { findBySession } from './owner.js'

export interface Notifications {
  /** Of the socket. */
  readonly path: string
  /** Takes what was said until now, so that it is told before an end that is about to be told. */
  drain(): void
  close(): void
}

export interface NotificationsOptions {
  readonly plan: Plan
  readonly directory: string
  readonly instances: Pick<Instances, 'findByPid'>
  readonly emit: (event: HostEvent) => void
}

/** Whether any process says when it is ready. */
export function hasNotifications(plan: Plan): boolean {
  return Object.values(plan.processes).some(({ ready }) => ready !== null)
}

/** Who talks without end must not keep signals, exits and requests waiting: so many in one turn of the loop. */
const mostPerTurn = 64
/** More than the kernel keeps for a socket (net.unix.max_dgram_qlen is 10, or 512 under systemd). */
const mostQueued = 1024

export function openNotifications({ plan, directory, instances, emit }: NotificationsOptions): Notifications {
  // Shorter than that of the control socket, for which there is room; nothing of a link is called so.
  const path = join(directory, 'notify')
  const socket = openNotificationSocket(path)

  const take = (most: number): void => {
    for (let count = 0; count < most; count++) {
      const received = socket.receive()
      if (received === null) return
      const said = received.bytes && parseNotification(received.bytes)
      const sender = said && findBySession(received.pid, instances)
      if (!sender || plan.processes[sender.process]!.ready === null) continue
      emit({ type: 'notified', process: sender.process, generation: sender.generation, ...said })
    }
  }

  const stop = watchReadable(socket.descriptor, () => take(mostPerTurn))
  stop.unref()
  return {
    path,
    drain: () => take(mostQueued),
    close: () => {
      stop()
      socket.close()
    },
  }
}

/** What of a datagram means something to ipcsup; null: nothing. Pure. */
export function parseNotification(bytes: Buffer): { readonly ready: boolean; readonly status: string | null } | null {
  if (bytes.includes(0)) return null
  // Byte for byte: a line that is no UTF-8 must not spoil the others.
  const lines = bytes.toString('latin1').split('\n')
  const ready = lines.includes('READY=1')
  const statusLine = lines.findLast(line => line.startsWith('STATUS='))
  const status = statusLine === undefined ? null : decode(statusLine.slice('STATUS='.length))
  const isStopping = lines.includes('STOPPING=1')
  if (!ready && status === null && !isStopping) return null
  return { ready, status: status ?? (isStopping ? 'stopping' : null) }
}

function decode(text: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
  } catch {
    return null
  }
}
