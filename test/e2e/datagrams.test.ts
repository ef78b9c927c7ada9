/** Bound sockets under a real supervisor: what is sent while the server is dead waits for the next one. */
import { createSocket, type Socket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSupervisor, type Supervisor } from '../../src/index.js'
import { fixtures } from '../ipc/languages.js'
import { until } from '../support/conditions.js'

let directory: string
let supervisor: Supervisor | null = null
let client: Socket

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-datagrams-'))
  client = createSocket('udp4')
})
afterEach(async () => {
  client.close()
  await supervisor?.stop({ kill: true })
  supervisor = null
  rmSync(directory, { recursive: true, force: true })
})

test.each([
  ['Python', '/usr/bin/python3', 'echo.py'],
  ['Node', process.execPath, 'echo.mjs'],
])(
  'an echo over UDP in %s is killed 5 times: each question is answered, those sent while it is dead by the next one',
  async (_language, interpreter, file) => {
    // A life begins to answer only when the test says so: what is sent before that, nobody takes.
    const wait = 'while ! test -e "go.$IPCSUP_GENERATION"; do sleep 0.01; done; exec "$@"'
    const command = ['/bin/sh', '-c', wait, 'sh', interpreter, join(fixtures, 'datagrams', file)]
    supervisor = createSupervisor(
      {
        links: { echo: { kind: 'udp' } },
        processes: { server: { command, links: { echo: 'bind' } } },
        logs: { directory: join(directory, 'logs') },
      },
      { directory },
    )
    await supervisor.start()
    const { host, port } = (await supervisor.status()).links[0]!
    const answers: string[] = []
    client.on('message', answer => answers.push(answer.toString()))
    const expected: string[] = []
    for (let life = 1; life <= 6; life++) {
      for (const name of ['a', 'b', 'c']) {
        await new Promise(resolve => client.send(`${name}${life}`, port!, host!, resolve))
        expected.push(`${life} ${name}${life}`)
      }
      expect(answers).toHaveLength(expected.length - 3)
      writeFileSync(join(directory, `go.${life}`), '')
      await until(`life ${life} answers`, () => answers.length === expected.length)
      if (life === 6) break
      process.kill((await supervisor.process('server').status()).pid!, 'SIGKILL')
      await until('it is dead', async () => (await supervisor!.process('server').status()).restarts === life)
    }
    expect(answers).toEqual(expected)
  },
)
