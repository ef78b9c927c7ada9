import { suggest } from '../../nearest.js'
import { findLinkAccess, type LinkAccess } from '../link/access.js'
import type { Action, LinkOption } from '../link/action.js'
import { actionNames, actions } from '../link/actions.js'
import { type Call, type OptionSpec, sharedOptions, type Verb, wrongUsage } from '../verb.js'

const linkOptions = {
  side: { flags: '--side <side>', about: 'the side to use (default: the one that fits)' },
  timeout: { flags: '--timeout <time>', about: 'wait no longer, such as 500ms; then the status is 1' },
  count: { flags: '--count <number>', about: 'receive: so many messages (default: 1)' },
  all: { flags: '--all', about: 'receive: until there are no more, or for ever' },
  null: { flags: '--null', about: 'send, receive: messages end with NUL, not with a newline' },
  raw: { flags: '--raw', about: 'send: all input is one message; receive: nothing after a message' },
  priority: { flags: '--priority <number>', about: 'send: larger ones are received first' },
  type: { flags: '--type <number>', about: 'send, receive: type of message' },
  offset: { flags: '--offset <size>', about: 'memory: from that byte on (default: 0)' },
  length: { flags: '--length <size>', about: 'memory: so many bytes (default: all)' },
  member: { flags: '--member <number>', about: 'permits: of that member of a set, from 0' },
  json: { flags: '--json', about: 'show: print JSON' },
} as const satisfies Record<LinkOption, OptionSpec>

export const link: Verb = {
  arguments: [
    ['<link>', 'a link of this process, else of a running supervisor'],
    ['<action>', actionNames.join(', ')],
    ['[words...]', 'what the action takes: texts to send, a number, or after -- a command'],
  ],
  secondChoices: actionNames,
  options: [sharedOptions.config, sharedOptions.pid, ...Object.values(linkOptions)],
  failure: 'it was not there in time, or the link is closed or broken',
  examples: [
    ['ipcsup link lines read | head', 'prints what is in a stream'],
    ['ipcsup link jobs send --priority 5 "a.png"', 'sends a message'],
    ['job=$(ipcsup link jobs receive --timeout 5s)', 'waits for one'],
    ['ipcsup link guard with -- ./deploy.sh', 'holds a lock while a command runs'],
    ['ipcsup link jobs show', 'prints what it is and how it stands'],
  ],
  async run(call) {
    const [name, action, ...words] = call.arguments
    const access = await findLinkAccess(call, name!)
    const found = findAction(call, access, action!)
    refuseWords(call, action!, found, words)
    refuseOptions(call, action!, found)
    return found.run({ call, access, action: action!, words })
  },
}

/** @throws IPCSUP_ERR_USAGE with the actions that there are for such a link */
function findAction(call: Call, { name, kind, form }: LinkAccess, action: string): Action {
  const known: Readonly<Record<string, Action>> = actions[form]
  if (Object.hasOwn(known, action)) return known[action]!
  const names = Object.keys(known)
  const hint = suggest(action, names)
  throw wrongUsage(call, `Link "${name}" is a ${kind}, with which one can ${names.join(', ')}, not ${action}.${hint}`)
}

function refuseWords(call: Call, name: string, { words }: Action, given: readonly string[]): void {
  const most = words === '' ? 0 : words === '[number]' ? 1 : Number.POSITIVE_INFINITY
  if (given.length <= most) return
  throw wrongUsage(call, `${name} takes no ${most === 0 ? '' : 'further '}argument, got "${given[most]}".`)
}

function refuseOptions(call: Call, name: string, { options }: Action): void {
  const unknown = (Object.keys(linkOptions) as LinkOption[]).find(
    option => call.options[option] !== undefined && !options.includes(option),
  )
  if (unknown === undefined) return
  const known = options.map(option => `--${option}`).join(', ') || 'none'
  throw wrongUsage(call, `${name} takes no --${unknown}; its options for this link: ${known}.`)
}
