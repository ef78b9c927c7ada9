import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder, peersFolder, program } from '../harness.mjs'
import { atLeast } from '../verdict.mjs'

/** A line of three programs, from the command line to its end: what does supervision cost the data? */
export const pipeline = {
  title: '3-stage pipeline, 4 GiB',
  unit: 'GiB/s',
  about: '`head -c N /dev/zero | cat | wc -c`, time of the whole command, started cold.',
  async measure({ alternate, runs, quick }) {
    const gibibytes = quick ? 1 : 4
    const bytes = gibibytes * 2 ** 30
    const line = `head -c ${bytes} /dev/zero | cat | wc -c`
    const subjects = {
      ipcsup: () => time(program, ['run', line]),
      bash: () => time('bash', ['-c', line]),
    }
    if (existsSync(join(peersFolder, 'node_modules/execa'))) {
      subjects['execa .pipe()'] = () => time(process.execPath, [join(benchFolder, 'execa-pipe.mjs'), String(bytes)])
    }
    return alternate(subjects, runs)

    async function time(command, args) {
      const startedAtMs = performance.now()
      const counted = await output(command, args)
      if (Number(counted) !== bytes) throw new Error(`${command} counted ${counted} bytes instead of ${bytes}`)
      return gibibytes / ((performance.now() - startedAtMs) / 1000)
    }
  },
  judge: medians => [atLeast('bash', medians, 1), atLeast('execa .pipe()', medians, 2)],
}

function output(command, args) {
  return new Promise((resolve, reject) => {
    execFile(command, args, (error, stdout) => (error === null ? resolve(stdout) : reject(error)))
  })
}
