import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openMessageEndpoint } from '../../src/ipc/message-endpoint.js'
import { serveConnections } from '../../src/ipc/packet-server.js'
import { bindUnixSocket, createUnixSocket, listenAt } from '../../src/platform/index.js'

const peers = 3000

const callers = `
import socket, sys
for _ in range(${peers}):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.connect(sys.argv[1])
    peer.send(b"x")
    peer.recv(10)
    peer.close()
`

// One in a hundred left between two looks.
test('a peer that leaves at any moment is no empty message', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-endpoint-'))
  const path = join(directory, 'socket')
  const listener = createUnixSocket('seqpacket', { nonBlocking: true })
  bindUnixSocket(listener, { path })
  listenAt(listener, 100)
  const server = serveConnections(listener, openMessageEndpoint)
  const child = spawn('/usr/bin/python3', ['-c', callers, path], { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = once(child, 'exit')
  const lengths: number[] = []
  for (let count = 0; count < peers; count++) {
    const peer = await server.accept()
    for await (const message of peer.receive()) {
      lengths.push(message.length)
      if (message.length > 0) await peer.send(message)
    }
    peer.close()
  }
  expect(await ended).toEqual([0, null])
  expect(lengths).toEqual(Array.from({ length: peers }, () => 1))
  server.close()
  rmSync(directory, { recursive: true })
})
