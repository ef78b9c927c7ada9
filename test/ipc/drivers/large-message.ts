// In an IPC namespace of its own: sends a message of 10,000 bytes to a System V queue, lowers the largest size that the
// system grants to 8,192, and prints what a Node program receives.
import { writeFileSync, writeSync } from 'node:fs'
import { openQueueEnd } from '../../../src/ipc/queue-end.js'
import { sendToSysvQueue } from '../../../src/platform/index.js'
import { createLink } from '../support.js'

writeFileSync('/proc/sys/kernel/msgmax', '16384')
const object = createLink({ kind: 'queue', system: 'sysv' }, '/tmp')
const hint = object.hint()
sendToSysvQueue(hint.id!, 1, Buffer.alloc(10_000))
writeFileSync('/proc/sys/kernel/msgmax', '8192')
const end = openQueueEnd({ descriptor: -1, side: 'read', hint }, 'sysv')
writeSync(1, `${(await end.receive()).bytes.length} bytes`)
object.destroy()
