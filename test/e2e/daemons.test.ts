/** Daemons as Debian has them, unmodified, killed while clients ask without a pause. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { readProcesses } from '../../src/supervisor/host/proc.js'
import { until } from '../support/conditions.js'
import { findFreePort } from '../support/free-port.js'
import { createLoad, type Load, type Outcomes } from '../support/http-load.js'
import { createCounters } from '../support/redis-load.js'

const programs = {
  nginx: '/usr/sbin/nginx',
  // Debian has the version in its name.
  'php-fpm': `/usr/sbin/${readdirSync('/usr/sbin').find(name => /^php-fpm\d/.test(name)) ?? 'php-fpm'}`,
  gunicorn: '/usr/bin/gunicorn',
  lighttpd: '/usr/sbin/lighttpd',
  'redis-server': '/usr/bin/redis-server',
}

/** A description that is skipped, and says why, when one of its programs is not there. */
function describeDaemons(names: readonly (keyof typeof programs)[], body: () => void): void {
  const missing = names.filter(name => !existsSync(programs[name]))
  const why = missing.length === 0 ? '' : ` (skipped: no ${missing.join(', ')})`
  describe.skipIf(missing.length > 0)(`${names.join(' and ')}${why}`, body)
}

let directory: string
let supervisor: Supervisor | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-daemons-'))
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  supervisor = null
  rmSync(directory, { recursive: true, force: true })
})

const at = (name: string): string => join(directory, name)

async function start(config: Config): Promise<Supervisor> {
  supervisor = createSupervisor({ logs: { directory: at('logs') }, ...config }, { directory })
  await supervisor.start()
  return supervisor
}

/** Killed by hand again and again, and at once there again. */
const restart = { policy: 'always', initial: '1ms', max: '10ms', limit: 1000 } as const

const membersOf = (leader: number): number[] =>
  readProcesses()
    .filter(({ group, state }) => group === leader && state !== 'Z')
    .map(({ pid }) => pid)

interface Kill {
  readonly signal: NodeJS.Signals
  /** What the daemon had started, which outlives it. */
  readonly workers: number
}

type Before = (pid: number, load: Load) => Promise<void>

const atOnce: Before = async () => {}
/** One of them answers while another is yet to be forked. */
const allRun =
  (workers: number): Before =>
  pid =>
    until('all workers run', () => membersOf(pid).length === 1 + workers)

/** Ends the main process under load and waits until its successor is there and clients are answered again. */
async function endOnce(name: string, signal: NodeJS.Signals, load: Load, before = atOnce): Promise<Kill> {
  await load.answers(30)
  const { pid } = await supervisor!.process(name).status()
  await before(pid!, load)
  const members = membersOf(pid!)
  const next = new Promise<number[]>(resolve => {
    supervisor!.on('state', function watch(change) {
      if (change.process !== name || change.to !== 'running' || change.pid === pid) return
      supervisor!.off('state', watch)
      // Those of the old incarnation that are alive beside the new one.
      resolve(membersOf(pid!))
    })
  })
  process.kill(pid!, signal)
  expect(await next).toEqual([])
  await load.answers(30)
  return { signal, workers: members.length - 1 }
}

/** As `ipcsup restart` does: its `stopSignal` to all of its group. */
async function restartOnce(name: string, load: Load, before = atOnce): Promise<void> {
  await load.answers(30)
  await before((await supervisor!.process(name).status()).pid!, load)
  await supervisor!.process(name).restart()
  await load.answers(30)
}

async function endOften(
  name: string,
  signals: readonly NodeJS.Signals[],
  load: Load,
  before = atOnce,
): Promise<Kill[]> {
  const kills: Kill[] = []
  for (const signal of signals) kills.push(await endOnce(name, signal, load, before))
  return kills
}

const thrice = (signal: NodeJS.Signals): NodeJS.Signals[] => [signal, signal, signal]

/** No connection was refused and none waited in vain; what was lost with who served it is told. */
async function settle(what: string, load: Load): Promise<Outcomes> {
  const outcomes = await load.stop()
  const { answered, cut, otherStatus } = outcomes
  const other = Object.entries(otherStatus).map(([status, number]) => `, ${number} with status ${status}`)
  console.log(`${what}: ${answered} answered, ${cut} ended without an answer${other.join('')}`)
  expect(outcomes).toMatchObject({ refused: {}, timedOut: 0 })
  return outcomes
}

const clients = 8

/** The connections that were being served: a client that one worker dropped may come to another before that one ends. */
const beingServed = (kills: number, workers: number): number => kills * workers * clients

describeDaemons(['nginx', 'php-fpm'], () => {
  let port: number

  beforeEach(async () => {
    port = await findFreePort()
    for (const name of ['site', 'temporary']) mkdirSync(at(name))
    writeFileSync(at('site/index.php'), '<?php echo "served by ", getmypid(), "\\n";')
    writeFileSync(at('nginx.conf'), nginxConfig(port, at('php.sock')))
  })

  const nginxConfig = (listen: number, php: string) => `
daemon off;
master_process on;
worker_processes 2;
user root;
pid nginx.pid;
events { }
http {
  access_log off;
  client_body_temp_path temporary;
  fastcgi_temp_path temporary;
  proxy_temp_path temporary;
  scgi_temp_path temporary;
  uwsgi_temp_path temporary;
  server {
    listen 127.0.0.1:${listen};
    root site;
    location / {
      fastcgi_pass unix:${php};
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param REQUEST_METHOD $request_method;
    }
  }
}
`
  /** @param name - by which php-fpm knows its socket, and which it removes at the end */
  const fpmConfig = (name: string) => `
[global]
daemonize = no
error_log = /dev/stderr
process_control_timeout = 10s
[www]
user = root
listen = ${name}
pm = static
pm.max_children = 3
`
  const startBoth = (name: string) => {
    writeFileSync(at('php-fpm.conf'), fpmConfig(name))
    return start({
      links: {
        web: { kind: 'tcp', listen: `127.0.0.1:${port}`, nonBlocking: true },
        php: { kind: 'unix', path: 'php.sock' },
      },
      processes: {
        nginx: {
          command: [programs.nginx, '-p', directory, '-c', 'nginx.conf', '-e', 'stderr'],
          env: { NGINX: '{web.fd};' },
          links: { web: 'listen', php: 'connect' },
          stopSignal: 'SIGQUIT',
          restart,
        },
        php: {
          command: [programs['php-fpm'], '-n', '-F', '-R', '-y', at('php-fpm.conf')],
          env: { FPM_SOCKETS: `${name === at('php.sock') ? '{php.path}' : name}={php.fd}` },
          links: { php: 'listen' },
          stopSignal: 'SIGQUIT',
          restart,
        },
      },
    } as Config)
  }
  const page = /^served by \d+\n$/
  const openLoad = () => createLoad({ port }, { clients, path: '/index.php', page })

  it('no connection is refused while nginx is killed, and its workers are gone before the next one', async () => {
    await startBoth(at('php.sock'))
    await using load = openLoad()
    const kills = await endOften('nginx', thrice('SIGKILL'), load, allRun(2))
    expect(kills.every(({ workers }) => workers === 2)).toBe(true)
    const { cut, otherStatus } = await settle('nginx, 3 times SIGKILL', load)
    expect(cut).toBeLessThanOrEqual(beingServed(3, 2))
    expect(otherStatus).toEqual({})
  })

  it('no request is lost while nginx is asked to quit, and no connection refused when it ends at once', async () => {
    await startBoth(at('php.sock'))
    {
      await using load = openLoad()
      await endOften('nginx', thrice('SIGQUIT'), load)
      await restartOnce('nginx', load)
      const { cut, otherStatus } = await settle('nginx, 3 times SIGQUIT, once restarted', load)
      expect([cut, otherStatus]).toEqual([0, {}])
    }
    await using load = openLoad()
    await endOften('nginx', thrice('SIGTERM'), load)
    const { cut, otherStatus } = await settle('nginx, 3 times SIGTERM', load)
    expect(cut).toBeLessThanOrEqual(beingServed(3, 2))
    expect(otherStatus).toEqual({})
  })

  it('requests wait for the next php-fpm while it is killed, and its workers are gone before the next one', async () => {
    await startBoth(at('php.sock'))
    await using load = openLoad()
    const kills = await endOften('php', thrice('SIGKILL'), load, allRun(3))
    expect(kills.every(({ workers }) => workers === 3)).toBe(true)
    const { cut, otherStatus } = await settle('php-fpm, 3 times SIGKILL', load)
    expect(cut).toBe(0)
    // nginx has no answer for those that were being served.
    expect(Object.keys(otherStatus).filter(status => status !== '502')).toEqual([])
    expect(otherStatus['502'] ?? 0).toBeLessThanOrEqual(beingServed(3, 3))
  })

  it.each(['SIGTERM', 'SIGQUIT'] as const)('§19 the path that php-fpm removes at %s is there again', async signal => {
    await startBoth(at('php.sock'))
    await using load = openLoad()
    for (const _ of [1, 2, 3]) {
      await endOnce('php', signal, load)
      expect(existsSync(at('php.sock'))).toBe(true)
    }
    await settle(`php-fpm, 3 times ${signal}`, load)
  })

  it('no request is lost while php-fpm is asked to quit when it knows its socket by another name', async () => {
    await startBoth('/inherited')
    await using load = openLoad()
    await endOften('php', thrice('SIGQUIT'), load)
    await restartOnce('php', load)
    const { cut, otherStatus } = await settle('php-fpm by another name, 3 times SIGQUIT, once restarted', load)
    expect([cut, otherStatus]).toEqual([0, {}])
  })
})

describeDaemons(['gunicorn'], () => {
  const app = `
import os
def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"served by %d\\n" % os.getpid()]
`

  /** A worker that has just been forked, and does not handle signals yet, loses one that asks it to end. */
  const everyWorkerServes: Before = (pid, load) =>
    until('every worker serves', () => {
      const workers = membersOf(pid).filter(member => member !== pid)
      return workers.length === 2 && workers.every(worker => load.pages.has(`served by ${worker}\n`))
    })

  it('no connection is refused while it is killed, none is lost while it is asked to end', async () => {
    writeFileSync(at('app.py'), app)
    const command = [programs.gunicorn, '--workers', '2', '--graceful-timeout', '10', 'app:app']
    const running = await start({
      links: { web: { kind: 'tcp', listen: '127.0.0.1:0' } },
      processes: { web: { command, links: { web: 'listen' }, restart } },
    } as Config)
    const { port } = (await running.status()).links[0]!
    const options = { clients, path: '/', page: /^served by \d+\n$/ }
    {
      await using load = createLoad({ port: port! }, options)
      const kills = await endOften('web', thrice('SIGKILL'), load, everyWorkerServes)
      expect(kills.every(({ workers }) => workers === 2)).toBe(true)
      const { cut } = await settle('gunicorn, 3 times SIGKILL', load)
      expect(cut).toBeLessThanOrEqual(beingServed(3, 2))
    }
    await using load = createLoad({ port: port! }, options)
    await endOften('web', thrice('SIGTERM'), load, everyWorkerServes)
    await restartOnce('web', load, everyWorkerServes)
    expect(await settle('gunicorn, 3 times SIGTERM, once restarted', load)).toMatchObject({ cut: 0, otherStatus: {} })
  })
})

describeDaemons(['lighttpd'], () => {
  const config = () => `
server.document-root = "${at('site')}"
server.systemd-socket-activation = "enable"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html")
`

  it('no connection is refused while it is killed, none is lost while it is asked to end', async () => {
    mkdirSync(at('site'))
    writeFileSync(at('site/index.html'), '<p>served</p>\n')
    writeFileSync(at('lighttpd.conf'), config())
    const running = await start({
      links: { web: { kind: 'tcp', listen: '127.0.0.1:0' } },
      processes: {
        web: {
          command: [programs.lighttpd, '-D', '-f', at('lighttpd.conf')],
          links: { web: 'listen' },
          stopSignal: 'SIGINT',
          restart,
        },
      },
    } as Config)
    const { port } = (await running.status()).links[0]!
    const options = { clients, path: '/', page: /^<p>served<\/p>\n$/ }
    {
      await using load = createLoad({ port: port! }, options)
      await endOften('web', thrice('SIGKILL'), load)
      const { cut } = await settle('lighttpd, 3 times SIGKILL', load)
      expect(cut).toBeLessThanOrEqual(beingServed(3, 1))
    }
    await using load = createLoad({ port: port! }, options)
    await endOften('web', thrice('SIGINT'), load)
    await restartOnce('web', load)
    expect(await settle('lighttpd, 3 times SIGINT, once restarted', load)).toMatchObject({ cut: 0, otherStatus: {} })
  })
})

describeDaemons(['redis-server'], () => {
  const config = `
port 0
unixsocket redis.sock
appendonly yes
appendfsync always
save ""
`

  it('finds everything that it confirmed again, each time that it is killed', async () => {
    writeFileSync(at('redis.conf'), config)
    await start({
      processes: { redis: { command: [programs['redis-server'], 'redis.conf'], restart } },
    } as Config)
    await using counters = createCounters(at('redis.sock'), clients)
    for (const _ of [1, 2, 3]) {
      await counters.confirmed(200)
      const { pid } = await supervisor!.process('redis').status()
      process.kill(pid!, 'SIGKILL')
      await until('the next one runs', async () => {
        const next = await supervisor!.process('redis').status()
        return next.state === 'running' && next.pid !== pid
      })
      await counters.confirmed(200)
    }
    const { confirmed, asked, stored } = await counters.stop()
    console.log(`redis-server, 3 times SIGKILL: ${asked} asked, ${confirmed} confirmed, ${stored} stored`)
    expect(stored).toBeGreaterThanOrEqual(confirmed)
    expect(stored).toBeLessThanOrEqual(asked)
    expect((await supervisor!.process('redis').status()).restarts).toBe(3)
  })
})
