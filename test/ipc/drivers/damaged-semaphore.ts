// Holds a semaphore that anybody may write, whose file is damaged as the first argument says after it was used, and
// prints what it does about an end of a process, what it knows of the permits, and that it came to its end.
import { readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { createLink } from '../support.js'

const damages: Readonly<Record<string, (path: string) => void>> = {
  'cut off': path => truncateSync(path, 0),
  'cut off in the middle': path => truncateSync(path, 64),
  'all ones': path => fill(path, 0xff),
  'full of large numbers': path => fill(path, 0x7f),
  'full of small numbers': path => fill(path, 0x01),
}

const fill = (path: string, byte: number): void => {
  const bytes = Buffer.alloc(readFileSync(path).length, byte)
  writeFileSync(path, bytes, { flag: 'r+' })
}

const object = createLink({ kind: 'semaphore', mode: '0666' }, '/tmp', {
  uniqueName: `ipcsup.damaged.${process.pid}`,
})
object.mend!('use')
object.facts()
damages[process.argv[2]!]!(`/dev/shm/sem.${object.hint().name!.slice(1)}`)
try {
  object.mend!('use')
  writeSync(1, 'mended, ')
} catch (error) {
  writeSync(1, `${(error as Error).message}, `)
}
writeSync(1, `${typeof object.facts().value}, `)
object.destroy()
writeSync(1, 'over')
