/**
 * What is measured: a kind with options, how a C program and a Node program talk over it, and which sides they have.
 * `there` carries what ping sends, `back` what pong answers; null: both go over one link.
 */
const flow = (name, link, c) => ({
  name,
  links: size => ({ there: link(size), back: link(size) }),
  ping: { there: 'write', back: 'read' },
  pong: { there: 'read', back: 'write' },
  ...c,
})
const pair = (name, type, c) => ({
  ...flow(name, () => ({ kind: 'socketpair', type }), c),
  ping: { there: 'a', back: 'b' },
  pong: { there: 'b', back: 'a' },
})
const server = (name, link, c) => ({
  name,
  links: () => ({ there: link }),
  ping: { there: 'connect' },
  pong: { there: 'listen' },
  ...c,
})

const largest = bytes => size => size <= bytes

export const subjects = [
  flow('pipe', () => ({ kind: 'pipe' }), { c: 'bytes', node: 'stream' }),
  flow('fifo', () => ({ kind: 'fifo' }), { c: 'bytes', node: 'stream' }),
  pair('socketpair stream', 'stream', { c: 'bytes', node: 'stream' }),
  pair('socketpair seqpacket', 'seqpacket', { c: 'messages', node: 'messages', fits: largest(65_536) }),
  pair('socketpair dgram', 'dgram', { c: 'messages', node: 'messages', fits: largest(65_536) }),
  server('unix', { kind: 'unix' }, { c: 'server', node: 'listener' }),
  server('tcp', { kind: 'tcp' }, { c: 'server', node: 'listener' }),
  {
    name: 'udp',
    links: () => ({ there: { kind: 'udp' }, back: { kind: 'udp' } }),
    ping: { there: 'send', back: 'bind' },
    pong: { there: 'bind', back: 'send' },
    c: 'datagrams',
    node: 'datagrams',
    fits: largest(1024),
  },
  flow('queue posix', size => ({ kind: 'queue', messageSize: size, maxMessages: 8 }), {
    c: 'queue',
    node: 'queue',
    fits: largest(8192),
  }),
  flow('queue sysv', () => ({ kind: 'queue', system: 'sysv' }), {
    c: 'sysv-queue',
    node: 'queue',
    fits: largest(8192),
  }),
  {
    name: 'shm',
    links: size => ({ there: { kind: 'shm', size: 2 * (size + 8192) } }),
    ping: { there: 'map' },
    pong: { there: 'map' },
    c: 'memory',
    node: 'memory',
  },
  {
    name: 'event',
    links: () => ({ there: { kind: 'event' }, back: { kind: 'event' } }),
    ping: { there: 'signal', back: 'wait' },
    pong: { there: 'wait', back: 'signal' },
    c: 'event',
    node: 'event',
    fits: largest(0),
  },
  {
    name: 'semaphore posix',
    links: () => ({ there: { kind: 'semaphore', value: 0 }, back: { kind: 'semaphore', value: 0 } }),
    ping: { there: 'use', back: 'use' },
    pong: { there: 'use', back: 'use' },
    c: 'semaphore',
    node: 'semaphore',
    fits: largest(0),
  },
  {
    name: 'node',
    links: () => ({ there: { kind: 'node' } }),
    ping: { there: 'a' },
    pong: { there: 'b' },
    c: null,
    node: 'channel',
  },
]

/** Bytes of a message; 0: one that has none. */
export const sizes = [0, 64, 1024, 65_536, 1_048_576]

export const fits = (subject, size) => (subject.fits ? subject.fits(size) && (size > 0 || !subject.fits(64)) : size > 0)
