import { closeSync } from 'node:fs'
import { createPipe } from '../../platform/index.js'
import { checkFrames, checkFrameUses, frameOptions, frameTraits } from '../frames/options.js'
import { holdPipe, openPipe, pipeSides, pipeTraits } from '../held-pipe.js'
import type { Kind } from '../kind.js'
import { applyCapacity, capacityOptions } from '../pipe-capacity.js'

/** An anonymous pipe: one stream of bytes, in one direction. */
export default {
  name: 'pipe',
  summary: 'A stream of bytes from its writers to its readers, as between the stages of a shell pipeline.',
  systems: ['linux'],
  options: { ...capacityOptions, ...frameOptions },
  variants: { default: {}, large: { capacity: '1MiB' }, small: { capacity: '4KiB' } },
  form: () => 'stream',
  sides: () => pipeSides,
  parts: () => ['natural'],
  traits: options => frameTraits(pipeTraits(false), options),
  check: (options, given) => [...checkFrames(options, given)],
  checkUses: (options, uses) => [...checkFrameUses(options, uses)],
  create: (options, where) => {
    const ends = createPipe()
    try {
      applyCapacity(ends.write, options, where)
    } catch (error) {
      closeSync(ends.read)
      closeSync(ends.write)
      throw error
    }
    return holdPipe({ link: where.link, ...ends, path: null, removeName: () => {} })
  },
  open: openPipe,
} satisfies Kind
