/** What is said of keys that a config cannot have: many come from the config of another supervisor. */
import { suggest } from '../nearest.js'

/** Key of ours → what pm2, systemd, supervisord, docker compose, process-compose and s6 call it, without `_`, `-` and capitals. */
const namesElsewhere: Readonly<Record<string, string>> = {
  processes: 'apps services programs procs tasks units',
  command: 'script cmd exec execstart run entrypoint program interpreter args arguments',
  replicas: 'instances scale numprocs count workers',
  env: 'environment envs vars',
  envFile: 'environmentfile dotenv',
  needs: 'dependson requires wants after waitfor',
  cwd: 'workingdir workingdirectory directory chdir dir',
  restart: 'autorestart respawn autostart',
  limit: 'maxrestarts startretries retries maxattempts startlimitburst',
  initial: 'restartdelay restartsec backoff delay',
  stopTimeout: 'killtimeout stopgraceperiod timeoutstopsec stopwaitsecs gracefultimeout shutdowntimeout',
  stopSignal: 'killsignal',
  stderr: 'errorfile errfile stderrlogfile standarderror',
  stdout: 'outfile logfile log stdoutlogfile standardoutput',
  ready: 'waitready healthcheck readiness readinessprobe notify',
  cleanExits: 'stopexitcodes exitcodes successexitstatus successexitcodes',
  links: 'ports expose sockets pipes',
  maxSize: 'maxbytes size',
  files: 'maxfiles backups keep retain',
}

/** Of a process: what ipcsup leaves to others, and how it is done then. */
const leftToOthers: Readonly<Record<string, string>> = {
  'user uid group gid':
    'Start ipcsup as that user, or begin the command with `setpriv --reuid=NAME --regid=NAME --init-groups`.',
  'watch watchfiles ignorewatch':
    'Let the program watch (`node --watch`), or say `ipcsup restart NAME` from what does.',
  'cron cronrestart schedule interval': 'Let one process work, sleep and work again in a loop.',
  'maxmemoryrestart memlimit memory limits rlimits ulimits':
    'Begin the command with `prlimit`, such as `prlimit --as=500000000`.',
  nice: 'Begin the command with `nice -n 10`.',
}

const plain = (key: string): string => key.toLowerCase().replace(/[_-]/g, '')

/** One line for each key. The keys that there are stand in the first line that has no better hint. */
export function describeUnknownKeys(keys: readonly string[], form: string, known: readonly string[]): string {
  let rest = ` Known: ${known.join(', ')}.`
  return keys
    .map(key => {
      const hint = suggest(key, known) || translate(key, known) || rest
      if (hint === rest) rest = ''
      return `is no key of ${form}.${hint}`
    })
    .join('\n')
}

function translate(key: string, known: readonly string[]): string {
  const has = (names: string) => names.split(' ').includes(plain(key))
  const [ours] = Object.entries(namesElsewhere).find(([name, names]) => known.includes(name) && has(names)) ?? []
  if (ours !== undefined) return ` Here that is "${ours}".`
  if (!known.includes('command')) return ''
  if (has(`${namesElsewhere['limit']} ${namesElsewhere['initial']}`)) return ' Here that is a key of "restart".'
  const [, advice] = Object.entries(leftToOthers).find(([names]) => has(names)) ?? []
  return advice === undefined ? '' : ` ${advice}`
}
