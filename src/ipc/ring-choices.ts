/** What a user of a ring chooses between: who reads it, how large its messages are, and whether a stop ends it. */

type Options = Readonly<Record<string, unknown>>

const readers = ['one', 'share', 'each', 'each-lossy'] as const
const sizes: Readonly<Record<string, Options>> = { usual: {}, large: { size: '4MiB' } }
const memories: Readonly<Record<string, Options>> = { memory: {}, file: { memory: 'file', path: 'messages.ring' } }

/** Every one of these with every other; the first is without options. */
export function listRingChoices(): Readonly<Record<string, Options>> {
  const choices = readers.flatMap(who =>
    Object.entries(sizes).flatMap(([size, sized]) =>
      Object.entries(memories).map(([memory, kept]) => [
        `${who} ${size} ${memory}`,
        { ...(who === 'one' ? {} : { readers: who }), ...sized, ...kept },
      ]),
    ),
  )
  return Object.fromEntries(choices)
}
