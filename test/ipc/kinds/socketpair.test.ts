import { closeSync, readSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openMessageEndpoint } from '../../../src/ipc/message-endpoint.js'
import { duplicateDescriptor, pollNow } from '../../../src/platform/index.js'
import { until } from '../../support/conditions.js'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const directory = makeDirectory()
const pair = (type: string, more = {}) => createLink({ kind: 'socketpair', type, ...more }, directory)

test.each(['stream', 'seqpacket', 'dgram'])(
  '§13 %s: the end comes when the use is over, whatever a descendant still holds',
  type => {
    const object = pair(type)
    const [descendant, peer] = [object.take('a'), object.take('b')]
    object.release('a', 'over')
    expect(pollNow(peer).hungUp).toBe(true)
    expect(readSync(peer, Buffer.alloc(10))).toBe(0)
    closeSync(descendant)
    closeSync(peer)
    object.destroy()
  },
)

test.each(['stream', 'seqpacket', 'dgram'])('§13 %s: a sealed end does not end while somebody has it', type => {
  const object = pair(type)
  const [own, peer] = [object.take('a'), object.take('b')]
  object.release('a', 'sealed')
  expect(() => object.take('a')).toThrow(/closed/)
  expect(pollNow(peer).hungUp).toBe(false)
  writeSync(own, 'x')
  expect(readSync(peer, Buffer.alloc(10))).toBe(1)
  closeSync(own)
  object.release('a', 'over')
  expect(readSync(peer, Buffer.alloc(10))).toBe(0)
  closeSync(peer)
  object.destroy()
})

test('how an end stands is told from the other one', () => {
  const object = pair('stream')
  const own = object.take('a')
  expect(object.state('b')).toBe('open')
  writeSync(own, 'xyz')
  closeSync(own)
  object.release('a', 'over')
  expect([object.state('a'), object.state('b')]).toEqual(['unknown', 'unread'])
  expect(object.facts().queuedBytes).toBeNull()
  expect(object.release('b', 'over')).toBe(3)
  object.destroy()
})

test('what is queued is counted in both directions; of datagrams only that there is something', () => {
  for (const [type, counted] of [
    ['stream', 5],
    ['seqpacket', 5],
    ['dgram', null],
  ] as const) {
    const object = pair(type)
    const [a, b] = [object.take('a'), object.take('b')]
    expect(object.facts().queuedBytes).toBe(0)
    writeSync(a, 'abc')
    writeSync(b, 'de')
    expect(object.facts().queuedBytes).toBe(counted)
    closeSync(a)
    closeSync(b)
    object.destroy()
  }
})

test('a buffer that the kernel does not grant is an error with its limit, and nothing stays', () => {
  const before = listOpenDescriptors()
  expect(refusalOf(() => pair('stream', { bufferSize: '512MiB' }))).toMatch(
    /IPCSUP_ERR_LINK_CREATE: .*grants a buffer of \d+ bytes, not 536870912.*wmem_max/,
  )
  expect(listOpenDescriptors()).toEqual(before)
  const object = pair('stream', { bufferSize: '64KiB' })
  expect(object.facts().capacityBytes).toBe(131_072)
  object.destroy()
})

describe('a message endpoint', () => {
  test('sends while there is room, waits for room, and fails when the peer is gone', async () => {
    const object = pair('seqpacket')
    const [a, b] = [openMessageEndpoint(object.take('a')), openMessageEndpoint(object.take('b'))]
    object.release('a', 'sealed')
    object.release('b', 'sealed')
    let sent = 0
    const sending = (async () => {
      for (; sent < 2000; sent++) await a.send(Buffer.from(String(sent)))
    })()
    await until('the link is full', async () => {
      const now = sent
      await new Promise(resolve => setTimeout(resolve, 20))
      return now > 0 && sent === now
    })
    expect(sent).toBeLessThan(2000)
    let expected = 0
    for await (const message of b.receive()) {
      expect(Buffer.from(message).toString()).toBe(String(expected++))
      if (expected === 2000) break
    }
    await sending
    b.close()
    await expect(a.send(Buffer.from('x'))).rejects.toThrow(/EPIPE/)
    a.close()
    object.destroy()
  })

  test.each(['seqpacket', 'dgram'])('over %s hands out empty messages and ends with the peer', async type => {
    const object = pair(type)
    const [own, b] = [object.take('a'), openMessageEndpoint(object.take('b'))]
    const a = openMessageEndpoint(duplicateDescriptor(own))
    closeSync(own)
    for (const text of ['', 'x', '', 'y']) await a.send(Buffer.from(text))
    const received: string[] = []
    const receiving = (async () => {
      for await (const message of b.receive()) received.push(Buffer.from(message).toString())
    })()
    await until('all came', () => received.length === 4)
    object.release('a', 'over')
    await receiving
    expect(received).toEqual(['', 'x', '', 'y'])
    a.close()
    b.close()
    object.destroy()
  })

  test('refuses what has no bytes', async () => {
    const object = pair('seqpacket')
    const endpoint = openMessageEndpoint(object.take('a'))
    for (const [message, why] of [
      ['text', /value of type string is not possible: .*; send Buffer\.from\(text\)\.$/],
      [
        new Uint16Array(3),
        /value of type Uint16Array is not possible: a message must be a Uint8Array, such as a Buffer\.$/,
      ],
      [undefined, /value of type undefined is not/],
    ] as const)
      await expect(endpoint.send(message as never)).rejects.toThrow(why)
    endpoint.close()
    object.destroy()
  })

  test('over seqpacket hands out what a peer sent that left without taking what it was sent', async () => {
    const object = pair('seqpacket')
    const [a, b] = [openMessageEndpoint(object.take('a')), openMessageEndpoint(object.take('b'))]
    await b.send(Buffer.from('never taken'))
    await a.send(Buffer.from('first'))
    await a.send(Buffer.from('second'))
    a.close()
    object.release('a', 'over')
    const received: string[] = []
    for await (const message of b.receive()) received.push(Buffer.from(message).toString())
    expect(received).toEqual(['first', 'second'])
    b.close()
    object.destroy()
  })

  test('that is closed ends its reader and gives up its descriptor', async () => {
    const before = listOpenDescriptors()
    const object = pair('dgram')
    const endpoint = openMessageEndpoint(object.take('a'))
    const receiving = endpoint.receive().next()
    endpoint.close()
    endpoint.close()
    expect(await receiving).toEqual({ value: undefined, done: true })
    object.destroy()
    expect(listOpenDescriptors()).toEqual(before)
  })
})
