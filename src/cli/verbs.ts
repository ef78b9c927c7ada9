/**
 * All verbs, in the order of the help.
 */
import type { Verb } from './verb.js'

export interface VerbEntry {
  /** One line for the list of verbs, and the first of the verb's own help. */
  readonly about: string
  load(): Promise<Verb>
}

export const verbs = {
  start: {
    about: 'Start the processes of a config and supervise them',
    load: async () => (await import('./verbs/start.js')).start,
  },
  run: {
    about: 'Run one line of processes joined by pipes',
    load: async () => (await import('./verbs/run.js')).run,
  },
  check: {
    about: 'Print everything that is wrong or doubtful in a config',
    load: async () => (await import('./verbs/check.js')).check,
  },
  plan: {
    about: 'Print what a config means, with descriptor numbers',
    load: async () => (await import('./verbs/plan.js')).plan,
  },
  graph: {
    about: 'Draw the processes and links of a config',
    load: async () => (await import('./verbs/graph.js')).graph,
  },
  status: {
    about: 'Show the processes and links of a running supervisor',
    load: async () => (await import('./verbs/status.js')).status,
  },
  stop: {
    about: 'Stop processes, or drain and end the supervisor',
    load: async () => (await import('./verbs/stop.js')).stop,
  },
  restart: {
    about: 'Restart processes; their links stay as they are',
    load: async () => (await import('./verbs/restart.js')).restart,
  },
  signal: {
    about: 'Send a signal to processes and what they started',
    load: async () => (await import('./verbs/signal.js')).signal,
  },
  call: {
    about: 'Call a function of a service, or raise the signal of a link',
    load: async () => (await import('./verbs/call.js')).call,
  },
  services: {
    about: 'Show who serves which functions',
    load: async () => (await import('./verbs/services.js')).services,
  },
  logs: {
    about: 'Show what processes have logged',
    load: async () => (await import('./verbs/logs.js')).logs,
  },
  link: {
    about: 'Use a link in a shell: read, write, send, receive, take turns',
    load: async () => (await import('./verbs/link.js')).link,
  },
  ls: {
    about: 'List all supervisors of this user',
    load: async () => (await import('./verbs/ls.js')).ls,
  },
  clean: {
    about: 'End and remove what killed supervisors left',
    load: async () => (await import('./verbs/clean.js')).clean,
  },
  advise: {
    about: 'Say which kind of link does what you need',
    load: async () => (await import('./verbs/advise.js')).advise,
  },
  schema: {
    about: 'Print the JSON Schema of configs, for editors',
    load: async () => (await import('./verbs/schema.js')).schema,
  },
  init: {
    about: 'Write a small working config',
    load: async () => (await import('./verbs/init.js')).init,
  },
  completion: {
    about: 'Print a completion script for a shell',
    load: async () => (await import('./verbs/completion.js')).completion,
  },
} as const satisfies Record<string, VerbEntry>

/** What other supervisors call it: the command line for that, without `ipcsup`. */
const verbsElsewhere: Readonly<Record<string, string>> = {
  ps: 'status',
  list: 'status',
  top: 'status',
  monit: 'status',
  describe: 'status',
  up: 'start',
  down: 'stop',
  delete: 'stop --end NAME',
  reload: 'restart',
  kill: 'signal KILL NAME',
  attach: 'logs -f',
  tail: 'logs -f',
  validate: 'check',
  config: 'plan',
}

/** For a word that is no verb; null: nobody has such a verb. */
export function nameVerbHere(word: string): string | null {
  return Object.hasOwn(verbsElsewhere, word) ? verbsElsewhere[word]! : null
}

export type VerbName = keyof typeof verbs

export const verbNames = Object.keys(verbs) as readonly VerbName[]

export function isVerb(name: string | undefined): name is VerbName {
  return name !== undefined && Object.hasOwn(verbs, name)
}
