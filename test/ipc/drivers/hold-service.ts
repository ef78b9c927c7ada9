/** Holds a service in the directory that it is given until its input ends; a process `one` has its end, of which it knows no program. */
import { createLink } from '../support.js'

const object = createLink({ kind: 'service' }, process.argv[2]!, { uses: [{ process: 'one', side: 'serve' }] })
object.take('serve', 'one')
process.stdout.write(`${process.pid}\n`)
process.stdin.resume().once('end', () => object.destroy())
