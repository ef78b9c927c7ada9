/**
 * What is measured: a kind with options, how a C program and a Node program talk over it, and which sides they have.
 * `there` carries what ping sends, `back` what pong answers; null: both go over one link.
 * Whose turn it is has another link besides, `free`, that only ping takes: what it costs when nobody else wants it.
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

const memory = (name, link) => ({
  name,
  links: size => ({ there: link(2 * (size + 8192)) }),
  ping: { there: 'map' },
  pong: { there: 'map' },
  c: 'memory',
  node: 'memory',
})
/** A message has half of a ring at most. */
const ringSize = size => Math.max(262_144, 2 ** Math.ceil(Math.log2(2 * (size + 16))))
const semaphore = (system, c) => {
  const link = value => ({ kind: 'semaphore', system, value })
  return {
    name: `semaphore ${system}`,
    links: () => ({ there: link(0), back: link(0), free: link(1) }),
    ping: { there: 'use', back: 'use', free: 'use' },
    pong: { there: 'use', back: 'use' },
    c,
    node: 'semaphore',
    fits: largest(0),
  }
}
/** A lock or a signal that comes too early is lost: over two pipes they first say that they are there. */
const met = ({ links, ping, pong, ...rest }) => ({
  links: () => ({ there: { kind: 'pipe' }, back: { kind: 'pipe' }, ...links }),
  ping: { there: 'write', back: 'read', ...ping },
  pong: { there: 'read', back: 'write', ...pong },
  fits: largest(0),
  ...rest,
})
const route = (name, link) =>
  met({
    name,
    links: { knock: link, answer: link },
    ping: { knock: 'from', answer: 'to' },
    pong: { knock: 'to', answer: 'from' },
    c: 'signal',
    node: 'signal',
  })

const largest = bytes => size => size <= bytes
const locks = { one: 'use', two: 'use', three: 'use' }

export const subjects = [
  flow('pipe', () => ({ kind: 'pipe' }), { c: 'bytes', node: 'stream' }),
  flow('fifo', () => ({ kind: 'fifo' }), { c: 'bytes', node: 'stream' }),
  pair('socketpair stream', 'stream', { c: 'bytes', node: 'stream' }),
  pair('socketpair seqpacket', 'seqpacket', { c: 'messages', node: 'messages', fits: largest(65_536) }),
  pair('socketpair dgram', 'dgram', { c: 'messages', node: 'messages', fits: largest(65_536) }),
  server('unix', { kind: 'unix' }, { c: 'server', node: 'listener' }),
  {
    name: 'unix dgram',
    links: () => ({ there: { kind: 'unix', type: 'dgram' }, back: { kind: 'unix', type: 'dgram' } }),
    ping: { there: 'connect', back: 'bind' },
    pong: { there: 'bind', back: 'connect' },
    c: 'local-datagrams',
    node: 'messages',
    fits: largest(65_536),
  },
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
    name: 'raw',
    // Each has both sockets: it sends through one, which is the other's to receive from.
    links: () => ({ there: { kind: 'raw', protocol: 253 }, back: { kind: 'raw', protocol: 254 } }),
    ping: { there: 'bind', back: 'bind' },
    pong: { there: 'bind', back: 'bind' },
    c: 'packets',
    node: 'packets',
    fits: largest(1024),
    needsPrivilege: true,
  },
  flow('ring', size => ({ kind: 'ring', size: ringSize(size) }), { c: 'ring', node: 'ring' }),
  memory('shm', size => ({ kind: 'shm', size })),
  memory('file', size => ({ kind: 'file', path: 'memory.map', temporary: true, size })),
  {
    name: 'event',
    links: () => ({ there: { kind: 'event' }, back: { kind: 'event' } }),
    ping: { there: 'signal', back: 'wait' },
    pong: { there: 'wait', back: 'signal' },
    c: 'event',
    node: 'event',
    fits: largest(0),
  },
  semaphore('posix', 'semaphore'),
  semaphore('sysv', 'sysv-semaphore'),
  met({
    name: 'lock',
    links: { one: { kind: 'lock' }, two: { kind: 'lock' }, three: { kind: 'lock' }, free: { kind: 'lock' } },
    ping: { ...locks, free: 'use' },
    pong: locks,
    c: 'locks',
    node: 'locks',
  }),
  route('signal call', { kind: 'signal' }),
  route('signal call SIGWINCH', { kind: 'signal', signal: 'SIGWINCH' }),
  {
    name: 'service',
    links: () => ({ there: { kind: 'service' } }),
    ping: { there: 'call' },
    pong: { there: 'serve' },
    c: null,
    node: 'calls',
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
