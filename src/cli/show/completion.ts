/**
 * Completion scripts: verbs, options and their values are in the script, names of processes are asked for when they are
 * needed.
 */
import type { DescribedOption, DescribedVerb } from '../verbs/completion.js'

export const scripts = { bash, zsh, fish } as const satisfies Record<
  string,
  (verbs: readonly DescribedVerb[]) => string
>

const namesCommand = 'ipcsup completion names 2>/dev/null'
const linksCommand = 'ipcsup completion links 2>/dev/null'

function bash(verbs: readonly DescribedVerb[]): string {
  const cases = verbs.map(({ name, options, takesNames }) => {
    const words = ['--help', ...options.map(option => option.long)].join(' ')
    return `    ${name}) options='${words}'; names=${takesNames ? 'yes' : ''} ;;`
  })
  return `_ipcsup() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" options='' names='' words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${verbs.map(verb => verb.name).join(' ')} --help --version' -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$word" in
    -*) words="$options" ;;
    *)
      case "\${COMP_WORDS[1]} $before" in
${verbs.flatMap(bashValues).join('\n')}
        *) [ -n "$names" ] && words="$(${namesCommand})" ;;
      esac
      case "\${COMP_WORDS[1]} $COMP_CWORD" in
${verbs.flatMap(bashSecond).join('\n')}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _ipcsup ipcsup
`
}

/** After an option with a value, and in the place of a first argument with choices. No words: the shell's own, files. */
function bashValues({ name, options, firstChoices, takesLink }: DescribedVerb): string[] {
  const values = options
    .filter(option => option.value !== null)
    .map(({ long, short, choices }) => {
      const patterns = [long, ...(short === null ? [] : [short])].map(flag => `'${name} ${flag}'`)
      return `        ${patterns.join('|')}) words='${choices.join(' ')}' ;;`
    })
  const first = (words: string) => `        '${name} ${name}') words=${words} ;;`
  return [
    ...values,
    ...(firstChoices.length > 0 ? [first(`'${firstChoices.join(' ')}'`)] : []),
    ...(takesLink ? [first(`"$(${linksCommand})"`)] : []),
  ]
}

function bashSecond({ name, secondChoices }: DescribedVerb): string[] {
  return secondChoices.length > 0 ? [`        '${name} 3') words='${secondChoices.join(' ')}' ;;`] : []
}

function zsh(verbs: readonly DescribedVerb[]): string {
  const list = verbs.map(({ name, about }) => `    ${quote(`${name}:${about}`)}`)
  const cases = verbs.map(({ name, options, takesNames, takesLink, firstChoices, secondChoices }) => {
    const specs = [
      ...options.map(zshOption),
      `'--help[show help]'`,
      ...(firstChoices.length > 0 ? [`'1:${name}:(${firstChoices.join(' ')})'`] : []),
      ...(takesLink ? [`'1:link:($(${linksCommand}))'`] : []),
      ...(secondChoices.length > 0 ? [`'2:${name}:(${secondChoices.join(' ')})'`] : []),
      ...(takesNames ? [`'*:process:($(${namesCommand}))'`] : []),
    ]
    return `    ${name}) _arguments ${specs.join(' ')} ;;`
  })
  return `#compdef ipcsup
_ipcsup() {
  local -a verbs
  verbs=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$verb" in
${cases.join('\n')}
  esac
}
# Autoloaded from fpath this file is the body of the function, and is run by the first completion.
if [ "$funcstack[1]" = _ipcsup ]; then
  _ipcsup "$@"
else
  compdef _ipcsup ipcsup
fi
`
}

function zshOption({ long, short, about, value, choices }: DescribedOption): string {
  const flags = short === null ? long : `'(${short} ${long})'{${short},${long}}`
  const values = choices.length > 0 ? `(${choices.join(' ')})` : value === 'file' ? '_files' : ''
  const spec = quote(`[${about.replace(/[[\]]/g, '')}]${value === null ? '' : `:${value}:${values}`}`)
  return `${flags}${spec}`
}

function fish(verbs: readonly DescribedVerb[]): string {
  const lines = verbs.flatMap(({ name, about, options, takesNames, takesLink, firstChoices, secondChoices }) => {
    const within = `complete -c ipcsup -n '__fish_seen_subcommand_from ${name}'`
    return [
      `complete -c ipcsup -n __fish_use_subcommand -f -a ${name} -d ${quote(about)}`,
      ...options.map(option => `${within} ${fishOption(option)}`),
      ...(firstChoices.length > 0 ? [`${within} -f -a '${firstChoices.join(' ')}'`] : []),
      ...(takesLink ? [`${within} -f -a '(${linksCommand})'`] : []),
      ...(secondChoices.length > 0 ? [`${within} -f -a '${secondChoices.join(' ')}'`] : []),
      ...(takesNames ? [`${within} -f -a '(${namesCommand})'`] : []),
    ]
  })
  return `${lines.join('\n')}\n`
}

function fishOption({ long, short, about, value, choices }: DescribedOption): string {
  const flags = `-l ${long.slice(2)}${short === null ? '' : ` -s ${short.slice(1)}`} -d ${quote(about)}`
  if (value === null) return flags
  if (value === 'file') return `${flags} -r -F`
  return choices.length > 0 ? `${flags} -x -a '${choices.join(' ')}'` : `${flags} -x`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
