import { IpcsupError } from '../../errors.js'
import { listGroups } from '../../supervisor/names.js'
import { loadPlan } from '../config.js'
import { scripts } from '../show/completion.js'
import type { Call, OptionSpec, Verb } from '../verb.js'
import { type VerbName, verbNames, verbs } from '../verbs.js'

export const completion: Verb = {
  arguments: [
    ['<shell>', `${Object.keys(scripts).join(', ')}; or names, links: those of the config, as the scripts ask`],
  ],
  firstChoices: Object.keys(scripts),
  examples: [
    ['eval "$(ipcsup completion bash)"', 'in ~/.bashrc'],
    ['ipcsup completion zsh > "${fpath[1]}/_ipcsup"', 'once, for zsh'],
    ['ipcsup completion fish > ~/.config/fish/completions/ipcsup.fish', 'once, for fish'],
  ],
  async run(call) {
    const [shell] = call.arguments
    if (shell === 'names') return printNames(call, 'processes')
    if (shell === 'links') return printNames(call, 'links')
    if (!Object.hasOwn(scripts, shell!)) {
      const what = `There is no completion for "${shell}". Shells: ${Object.keys(scripts).join(', ')}.`
      throw new IpcsupError('IPCSUP_ERR_USAGE', { what, verb: 'completion' })
    }
    const described = await Promise.all(verbNames.map(describeVerb))
    call.out.write(scripts[shell as keyof typeof scripts](described))
    return 0
  },
}

export interface DescribedOption {
  /** `--config`. */
  readonly long: string
  /** `-c`. */
  readonly short: string | null
  readonly about: string
  /** What it takes, such as `file`; null: nothing. */
  readonly value: string | null
  /** The only values it may have; none: any. */
  readonly choices: readonly string[]
}

export interface DescribedVerb {
  readonly name: string
  readonly about: string
  readonly options: readonly DescribedOption[]
  /** Words that its first argument may be; none: any. */
  readonly firstChoices: readonly string[]
  /** The same of the second one. */
  readonly secondChoices: readonly string[]
  /** Its arguments are names of processes. */
  readonly takesNames: boolean
  /** Its first argument is the name of a link. */
  readonly takesLink: boolean
}

async function describeVerb(name: VerbName): Promise<DescribedVerb> {
  const verb = await verbs[name].load()
  const options = (verb.options ?? []).filter(option => option.hidden !== true)
  return {
    name,
    about: verbs[name].about,
    options: options.map(describeOption),
    firstChoices: verb.firstChoices ?? [],
    secondChoices: verb.secondChoices ?? [],
    takesLink: verb.arguments?.[0]?.[0] === '<link>',
    takesNames: (verb.arguments ?? []).some(([syntax]) => syntax.includes('name')),
  }
}

function describeOption({ flags, about, choices = [] }: OptionSpec): DescribedOption {
  return {
    long: /--[a-z-]+/.exec(flags)![0],
    short: /^-[a-z]\b/.exec(flags)?.[0] ?? null,
    about,
    value: /<([a-z]+)>/.exec(flags)?.[1] ?? null,
    choices,
  }
}

/** One a line. A shell that completes wants no message: without a valid config there are no names. */
async function printNames(call: Call, what: 'processes' | 'links'): Promise<0> {
  try {
    const known = Object.keys((await loadPlan(call)).plan[what])
    const names = what === 'processes' ? [...listGroups(known), ...known] : known
    call.out.write(names.map(name => `${name}\n`).join(''))
  } catch (error) {
    if (!(error instanceof IpcsupError)) throw error
  }
  return 0
}
