// Makes a FIFO at the path of its first argument and prints what is said about it.
import { writeSync } from 'node:fs'
import { createLink } from '../support.js'

try {
  createLink({ kind: 'fifo', path: process.argv[2]! }, '/tmp').destroy()
  writeSync(1, 'made')
} catch (error) {
  writeSync(1, (error as Error).message)
}
