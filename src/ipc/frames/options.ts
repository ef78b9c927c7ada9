/** The `frame` options of kinds that carry bytes: what a config says, and what is wrong in it. */
import type { Advice } from '../advice.js'
import { codecs } from '../codec.js'
import type { PlannedUses, Traits } from '../kind.js'
import { type LinkOptions, type OptionField, type OptionProblem, refuseGiven } from '../options.js'
import { atomicBytes, defaultLimit, header, largestLimit } from './layout.js'

export const frameOptions = {
  frame: {
    about: 'Messages in place of bytes. checked: each with a checksum. plain: without. Default: none, bytes.',
    type: 'choice',
    choices: ['checked', 'plain'],
    required: false,
    default: null,
  },
  maxFrame: {
    about: 'Of `frame`: bytes of the largest frame, its header of 32 included. Default: 1 MiB.',
    type: 'size',
    required: false,
    default: null,
  },
  codec: {
    about:
      'Of `frame`: what messages are. bytes: strings and bytes, as they are. json, msgpack: values. Default: bytes.',
    type: 'choice',
    choices: codecs,
    required: false,
    default: null,
  },
} as const satisfies Record<string, OptionField>

const names = Object.keys(frameOptions)

export const isFramed = ({ frame }: LinkOptions): boolean => typeof frame === 'string'

export const limitOf = ({ maxFrame }: LinkOptions): number => (typeof maxFrame === 'number' ? maxFrame : defaultLimit)

/** Each frame is one write, which the kernel does all at once: several writers do no harm. */
export const isAtomic = (options: LinkOptions): boolean => limitOf(options) <= atomicBytes

/**
 * @param carriesBytes - false: this type of socket has messages of its own
 */
export function* checkFrames(
  options: LinkOptions,
  given: Readonly<Record<string, unknown>>,
  carriesBytes = true,
): Generator<OptionProblem> {
  if (!carriesBytes) {
    yield* refuseGiven(given, names, 'is for streams of bytes: here messages are whole without it. Leave it out.')
    return
  }
  if (!isFramed(options)) {
    yield* refuseGiven(given, names.slice(1), 'means nothing without `frame`. Add frame: "checked", or leave it out.')
    return
  }
  const limit = limitOf(options)
  if (limit > header.bytes && limit <= largestLimit) return
  yield {
    option: 'maxFrame',
    message: `must be more than the ${header.bytes} bytes of a header, and at most 1GiB.`,
  }
}

/** What `ipcsup advise` must know of frames; nothing of a link without them. */
export function frameAdvice(options: LinkOptions): Partial<Advice> {
  if (!isFramed(options)) return {}
  return {
    largestMessageBytes: limitOf(options) - header.bytes,
    library: 'a library of ipcsup, or code for its frames,',
  }
}

/** Who may be at the sides of a pipe whose bytes are frames. */
export function* checkFrameUses(options: LinkOptions, uses: PlannedUses): Generator<OptionProblem> {
  if (!isFramed(options)) return
  const [readers, writers] = ['read', 'write'].map(side => uses.filter(use => use.side === side).length)
  if (readers! > 1)
    yield {
      option: null,
      message: `has ${readers} readers, and each would get parts of frames. Give each a link of its own, or use a link of kind "ring".`,
    }
  if (writers! > 1 && !isAtomic(options))
    yield {
      option: 'maxFrame',
      message: `must be at most ${atomicBytes} for ${writers} writers: the kernel writes no more into a pipe without letting others in between. For larger messages use a link of kind "ring", or give each writer a socketpair of type "seqpacket".`,
    }
}

/** What frames change of what a pipe promises. */
export function frameTraits(traits: Traits, options: LinkOptions): Traits {
  if (!isFramed(options)) return traits
  // What one reader takes ends anywhere: the rest of that frame would be another's.
  return { ...traits, keepsBoundaries: true, manyReaders: false, manyWriters: isAtomic(options) }
}
