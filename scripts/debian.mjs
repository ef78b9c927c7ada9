/**
 * The programs that the tests and the benchmark need beside Node, and the Debian packages that have them. The one place
 * where they are listed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { run } from './lib.mjs'

/** File that shows that it is there → package. */
export const forTests = {
  '/bin/bash': 'bash',
  '/usr/bin/awk': 'mawk',
  '/usr/bin/gcc': 'gcc',
  '/usr/include/stdio.h': 'libc6-dev',
  '/usr/bin/python3': 'python3',
  '/usr/bin/php': 'php-cli',
  '/usr/bin/curl': 'curl',
  '/usr/bin/nc': 'netcat-openbsd',
  '/usr/bin/unshare': 'util-linux',
  '/usr/bin/script': 'bsdutils',
  '/usr/bin/ps': 'procps',
  '/usr/bin/mkfifo': 'coreutils',
  '/usr/sbin/nginx': 'nginx',
  // Its program has the version in its name.
  '/var/lib/dpkg/info/php-fpm.list': 'php-fpm',
  '/usr/bin/gunicorn': 'gunicorn',
  '/usr/sbin/lighttpd': 'lighttpd',
  '/usr/bin/redis-server': 'redis-server',
  '/usr/lib/python3/dist-packages/systemd': 'python3-systemd',
}

export const forBench = {
  '/usr/bin/gcc': 'gcc',
  '/usr/include/stdio.h': 'libc6-dev',
  '/usr/bin/s6-svscan': 's6',
  '/usr/bin/runsvdir': 'runit',
  '/usr/bin/supervisord': 'supervisor',
}

/** Packages of a list that are not there. */
export function missingPackages(list) {
  return [...new Set(Object.entries(list).flatMap(([file, name]) => (existsSync(file) ? [] : [name])))]
}

/** True on Debian and its descendants, as root. */
export function canInstall() {
  return (
    process.getuid?.() === 0 &&
    existsSync('/usr/bin/apt-get') &&
    readFileSync('/etc/os-release', 'utf8').includes('debian')
  )
}

/** Installs packages without their recommendations and without starting the services that come with them. */
export async function installPackages(names) {
  const policy = '/usr/sbin/policy-rc.d'
  const isOurs = !existsSync(policy)
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const output = { env, stdio: ['ignore', 'ignore', 'inherit'] }
    const patient = ['-qq', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120']
    await run('apt-get', [...patient, 'update'], output)
    const status = await run('apt-get', [...patient, '-y', '--no-install-recommends', 'install', ...names], output)
    if (status !== 0) throw new Error(`apt-get could not install ${names.join(' ')}: status ${status}.`)
  } finally {
    if (isOurs) rmSync(policy, { force: true })
  }
}
