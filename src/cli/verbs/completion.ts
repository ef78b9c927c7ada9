import { IpcsupError } from '../../errors.js'
import { loadPlan } from '../config.js'
import { scripts } from '../show/completion.js'
import type { Call, Verb } from '../verb.js'
import { type VerbName, verbNames, verbs } from '../verbs.js'

export const completion: Verb = {
  arguments: [
    ['<shell>', `${Object.keys(scripts).join(', ')}; or names: the processes of the config, as the scripts ask`],
  ],
  examples: [
    ['eval "$(ipcsup completion bash)"', 'in ~/.bashrc'],
    ['ipcsup completion zsh > "${fpath[1]}/_ipcsup"', 'once, for zsh'],
    ['ipcsup completion fish > ~/.config/fish/completions/ipcsup.fish', 'once, for fish'],
  ],
  async run(call) {
    const [shell] = call.arguments
    if (shell === 'names') return printNames(call)
    if (!Object.hasOwn(scripts, shell!)) {
      const what = `There is no completion for "${shell}". Shells: ${Object.keys(scripts).join(', ')}.`
      throw new IpcsupError('IPCSUP_ERR_USAGE', { what, verb: 'completion' })
    }
    const described = await Promise.all(verbNames.map(describeVerb))
    call.out.write(scripts[shell as keyof typeof scripts](described))
    return 0
  },
}

export interface DescribedVerb {
  readonly name: string
  readonly about: string
  readonly options: readonly { readonly long: string; readonly about: string }[]
  /** Its arguments are names of processes. */
  readonly takesNames: boolean
}

async function describeVerb(name: VerbName): Promise<DescribedVerb> {
  const verb = await verbs[name].load()
  const options = (verb.options ?? []).filter(option => option.hidden !== true)
  return {
    name,
    about: verbs[name].about,
    options: options.map(({ flags, about }) => ({ long: /--[a-z-]+/.exec(flags)![0], about })),
    takesNames: (verb.arguments ?? []).some(([syntax]) => syntax.includes('name')),
  }
}

/** One a line. A shell that completes wants no message: without a valid config there are no names. */
async function printNames(call: Call): Promise<0> {
  try {
    const { plan } = await loadPlan(call)
    call.out.write(
      Object.keys(plan.processes)
        .map(name => `${name}\n`)
        .join(''),
    )
  } catch (error) {
    if (!(error instanceof IpcsupError)) throw error
  }
  return 0
}
