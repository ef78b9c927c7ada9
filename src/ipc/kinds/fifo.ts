import { claimPath } from '../claims.js'
import { checkMode, fifoOptions, makeFifo } from '../fifo-file.js'
import { checkFrames, checkFrameUses, frameOptions, frameTraits } from '../frames/options.js'
import { holdPipe, openPipe, pipeSides, pipeTraits } from '../held-pipe.js'
import type { Kind } from '../kind.js'
import { applyCapacity, capacityOptions } from '../pipe-capacity.js'

/** A named pipe: as `pipe`, and programs that ipcsup did not start can open it by its path. */
export default {
  name: 'fifo',
  summary: 'A pipe with a path, for programs that take a file name or that ipcsup did not start.',
  systems: ['linux'],
  options: { ...fifoOptions, ...capacityOptions, ...frameOptions },
  variants: { default: {}, small: { capacity: '4KiB', mode: '0660' } },
  form: () => 'stream',
  sides: () => pipeSides,
  parts: () => ['natural', 'path'],
  traits: options => frameTraits(pipeTraits(true), options),
  check: (options, given) => [...checkMode(options), ...checkFrames(options, given)],
  claim: ({ path, existing }) => (existing === true ? null : claimPath(path)),
  checkUses: (options, uses) => [...checkFrameUses(options, uses)],
  create: (options, where) => {
    const fifo = makeFifo(options, where)
    const object = holdPipe({ link: where.link, ...fifo })
    try {
      applyCapacity(fifo.write, options, where)
    } catch (error) {
      object.destroy()
      throw error
    }
    return object
  },
  open: openPipe,
} satisfies Kind
