/** The pipeline of the benchmark with execa: `node execa-pipe.mjs BYTES`. Nothing is kept in memory, which favours execa. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { peersFolder } from './harness.mjs'

const installed = createRequire(join(peersFolder, 'package.json')).resolve('execa')
const { execa } = await import(pathToFileURL(installed))
const { stdout } = await execa({ buffer: false })('head', ['-c', process.argv[2], '/dev/zero'])
  .pipe('cat', { buffer: false })
  .pipe('wc', ['-c'])
console.log(stdout)
