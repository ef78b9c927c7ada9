import { describe, expect, test } from 'vitest'
import { kinds } from '../../src/ipc/kinds/index.js'
import { createLink, makeDirectory } from '../ipc/support.js'
import { findFreePort } from '../support/free-port.js'
import { problemsOf } from './support.js'

const directory = makeDirectory()
const problemsOfLinks = (links: object) => problemsOf({ links }, { kinds, directory, isEmbedded: true })
const name = `ipcsup-test-claims-${process.pid}`
const port = await findFreePort()

type Link = Parameters<typeof createLink>[0]

/** What the start says of the second, when the first is there. */
function startBoth(first: Link, second: Link): string {
  const one = createLink(first, directory)
  try {
    createLink(second, directory).destroy()
    return ''
  } catch (error) {
    return (error as Error).message
  } finally {
    one.destroy()
  }
}

describe('two links with one name or address are an error of the config, where the start would refuse the second', () => {
  test.each<[Link, Link, string]>([
    [{ kind: 'unix', path: 's' }, { kind: 'unix', path: 's', type: 'dgram' }, `path: is the path ${directory}/s,`],
    [{ kind: 'fifo', path: 'p' }, { kind: 'lock', path: `${directory}/p` }, `path: is the path ${directory}/p,`],
    [{ kind: 'lock', path: 'l' }, { kind: 'file', path: 'l', size: 1 }, `path: is the path ${directory}/l,`],
    [
      { kind: 'file', path: 'd1', size: 1 },
      { kind: 'file', path: 'd1', size: 2 },
      `path: is the path ${directory}/d1,`,
    ],
    [
      { kind: 'file', path: 'd2', size: 1 },
      { kind: 'file', path: 'd2', size: 1, temporary: true },
      `path: is the path ${directory}/d2,`,
    ],
    [
      { kind: 'unix', abstract: name },
      { kind: 'unix', abstract: name },
      `abstract: is the abstract name @${name} (stream),`,
    ],
    [
      { kind: 'shm', name, size: 1 },
      { kind: 'shm', name: `/${name}`, size: 2 },
      `name: is the shared memory /${name},`,
    ],
    [{ kind: 'queue', name }, { kind: 'queue', name: `/${name}` }, `name: is the message queue /${name},`],
    [
      { kind: 'queue', system: 'sysv', key: port },
      { kind: 'queue', system: 'sysv', key: port },
      `key: is the key ${port} of message queues,`,
    ],
    [{ kind: 'semaphore', name }, { kind: 'semaphore', name: `/${name}` }, `name: is the semaphore /${name},`],
    [
      { kind: 'semaphore', system: 'sysv', key: port },
      { kind: 'semaphore', system: 'sysv', key: port },
      `key: is the key ${port} of semaphores,`,
    ],
    [
      { kind: 'tcp', listen: `localhost:${port}` },
      { kind: 'tcp', listen: `127.0.0.1:${port}` },
      `listen: is the tcp port 127.0.0.1:${port},`,
    ],
    [
      { kind: 'tcp', listen: `:${port}`, reusePort: true },
      { kind: 'tcp', listen: `[::]:${port}` },
      `listen: is the tcp port [::]:${port},`,
    ],
    [
      { kind: 'udp', listen: `:${port}`, join: '239.7.7.9', interface: 'lo' },
      { kind: 'udp', listen: `0.0.0.0:${port}` },
      `listen: is the udp port 0.0.0.0:${port},`,
    ],
  ])('%j and %j', (first, second, what) => {
    expect(startBoth(first, second)).not.toBe('')
    expect(problemsOfLinks({ first, second })).toEqual([
      `links.second.${what} which the link "first" has already. Choose another, or use one link.`,
    ])
  })

  test.each<[Link, Link]>([
    [
      { kind: 'file', path: 'd3', size: 1 },
      { kind: 'file', path: 'd3', size: 1 },
    ],
    [
      { kind: 'file', path: 'd4', size: 1, temporary: true },
      { kind: 'file', path: 'd4', size: 1 },
    ],
    [
      { kind: 'unix', path: 's' },
      { kind: 'unix', path: 's', existing: true },
    ],
    [
      { kind: 'unix', abstract: name },
      { kind: 'unix', abstract: name, type: 'dgram' },
    ],
    [
      { kind: 'shm', name, size: 1 },
      { kind: 'semaphore', name },
    ],
    [
      { kind: 'queue', system: 'sysv', key: port },
      { kind: 'semaphore', system: 'sysv', key: port },
    ],
    [{ kind: 'tcp' }, { kind: 'tcp' }],
    [
      { kind: 'tcp', listen: `:${port}` },
      { kind: 'udp', listen: `:${port}` },
    ],
    [
      { kind: 'tcp', listen: `:${port}`, reusePort: true },
      { kind: 'tcp', listen: `:${port}`, reusePort: true },
    ],
    [
      { kind: 'udp', listen: `:${port}`, reusePort: true },
      { kind: 'udp', listen: `:${port}`, reusePort: true },
    ],
    [
      { kind: 'udp', listen: `:${port}`, join: '239.7.7.9', interface: 'lo' },
      { kind: 'udp', listen: `:${port}`, join: '239.7.7.8', interface: 'lo' },
    ],
  ])('%j and %j are none: both can be', (first, second) => {
    expect(startBoth(first, second)).toBe('')
    expect(problemsOfLinks({ first, second })).toEqual([])
  })

  test('what is wrong in itself is not also said to be taken', () => {
    const link = { kind: 'tcp', listen: 'nowhere' }
    expect(problemsOfLinks({ first: link, second: link })).toHaveLength(2)
  })
})

describe('what a config says of a link and nothing depends on is an error', () => {
  test.each([
    [{ kind: 'tcp', readers: 'shared' }, 'readers: "shared" changes nothing: no two readers of this tcp'],
    [{ kind: 'tcp', writers: 'lines' }, 'writers: "lines" changes nothing: no two writers of this tcp'],
    [{ kind: 'queue', writers: 'lines' }, 'writers: "lines" changes nothing: no two writers of this queue'],
    [
      { kind: 'unix', type: 'dgram', backlog: 5 },
      'backlog: is of sockets with connections, and type "dgram" has none.',
    ],
    [{ kind: 'unix', path: 's', existing: true, backlog: 5 }, 'backlog: is a matter of the server that is there.'],
    [{ kind: 'shm', size: 1, mode: '0600' }, 'mode: is of a POSIX object, and this has no name.'],
  ])('%j', (link, message) => {
    expect(problemsOfLinks({ data: link })).toEqual([expect.stringMatching(startsWith(`links.data.${message}`))])
  })

  test.each([
    { kind: 'pipe', readers: 'shared', writers: 'lines' },
    { kind: 'fifo', readers: 'shared', writers: 'lines' },
    { kind: 'queue', readers: 'shared' },
    { kind: 'unix', backlog: 5 },
  ])('%j is none', link => {
    expect(problemsOfLinks({ data: link })).toEqual([])
  })
})

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
}
