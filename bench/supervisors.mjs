/**
 * The supervisors that are compared. `prepare` writes what one needs to run `count` children with `argv`, named c0, c1, …,
 * each restarted when it dies, and says how it is started and which signal ends it. Each is used as its manual shows,
 * with its defaults; the children write nothing.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peersFolder, program } from './harness.mjs'

const names = count => Array.from({ length: count }, (_, at) => `c${at}`)

export const ipcsup = {
  name: 'ipcsup',
  isThere: () => existsSync(program),
  prepare: ({ folder, count, argv }) =>
    prepareIpcsup(folder, 'ipcsup.config.json', JSON.stringify(describe(count, argv))),
}

/** The same with a config in TypeScript, which has to be compiled first. */
export const ipcsupTypeScript = {
  name: 'ipcsup (TypeScript config)',
  isThere: ipcsup.isThere,
  prepare: ({ folder, count, argv }) =>
    prepareIpcsup(
      folder,
      'ipcsup.config.ts',
      `const config: { processes: object } = ${JSON.stringify(describe(count, argv))}\nexport default config\n`,
    ),
}

export const s6 = {
  name: 's6-svscan',
  isThere: () => existsSync('/usr/bin/s6-svscan'),
  prepare({ folder, count, argv }) {
    const services = writeRunScripts(folder, count, argv)
    // Its default is at most 1,000 services, itself among them.
    const limit = count >= 1000 ? ['-c', '4000'] : []
    return { command: ['s6-svscan', ...limit, services], env: {}, stopSignal: 'SIGTERM' }
  },
}

export const runit = {
  name: 'runit',
  isThere: () => existsSync('/usr/bin/runsvdir'),
  prepare({ folder, count, argv }) {
    const services = writeRunScripts(folder, count, argv)
    // SIGHUP: runsvdir tells its runsv processes to end; SIGTERM would leave them.
    return { command: ['runsvdir', services], env: {}, stopSignal: 'SIGHUP' }
  },
}

export const supervisord = {
  name: 'supervisord',
  isThere: () => existsSync('/usr/bin/supervisord'),
  prepare({ folder, count, argv }) {
    const file = join(folder, 'supervisord.conf')
    const head = `[supervisord]\nlogfile=${folder}/log\npidfile=${folder}/pid\nchildlogdir=${folder}\nminfds=8192\n`
    const programs = names(count).map(name => `[program:${name}]\ncommand=${argv.join(' ')}\nautorestart=true\n`)
    writeFileSync(file, [head, ...programs].join('\n'))
    return { command: ['supervisord', '-n', '-c', file], env: {}, stopSignal: 'SIGTERM' }
  },
}

export const pm2 = {
  name: 'pm2-runtime',
  isThere: () => existsSync(join(peersFolder, 'node_modules/.bin/pm2-runtime')),
  prepare({ folder, count, argv }) {
    const file = join(folder, 'ecosystem.config.json')
    const [script, ...args] = argv
    const apps = names(count).map(name => ({ name, script, args, interpreter: 'none', exec_mode: 'fork' }))
    writeFileSync(file, JSON.stringify({ apps }))
    const command = [process.execPath, join(peersFolder, 'node_modules/.bin/pm2-runtime'), 'start', file]
    return { command, env: { PM2_HOME: join(folder, 'pm2'), NODE_ENV: 'production' }, stopSignal: 'SIGINT' }
  },
}

/** All that are compared, this project's first. */
export const supervisors = { ipcsup, s6, runit, supervisord, pm2 }

function describe(count, command) {
  return { processes: Object.fromEntries(names(count).map(name => [name, { command }])) }
}

function prepareIpcsup(folder, file, text) {
  writeFileSync(join(folder, file), text)
  // Its run directory and logs go where the benchmark cleans up.
  const env = { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder }
  return { command: [program, 'start', '--config', join(folder, file)], env, stopSignal: 'SIGTERM' }
}

/** A folder of services as s6 and runit want it: one folder each with an executable `run`. */
function writeRunScripts(folder, count, argv) {
  const services = join(folder, 'services')
  for (const name of names(count)) {
    const run = join(services, name, 'run')
    mkdirSync(join(services, name), { recursive: true })
    writeFileSync(run, `#!/bin/sh\nexec ${argv.join(' ')}\n`)
    chmodSync(run, 0o755)
  }
  return services
}
