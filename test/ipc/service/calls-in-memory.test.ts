/** The tests of calls once more, where connections go on in memory from their first call on. */
import { tuning } from '../../../src/ipc/service/connection.js'

tuning.callsBeforeRing = 1
await import('./calls.test.js')
