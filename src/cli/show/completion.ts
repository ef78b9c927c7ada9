/**
 * Completion scripts: verbs and options are in the script, names of processes are asked for when they are needed.
 */
import type { DescribedVerb } from '../verbs/completion.js'

export const scripts = { bash, zsh, fish } as const satisfies Record<
  string,
  (verbs: readonly DescribedVerb[]) => string
>

function bash(verbs: readonly DescribedVerb[]): string {
  const cases = verbs.map(({ name, options, takesNames }) => {
    const words = ['--help', ...options.map(option => option.long)].join(' ')
    return `    ${name}) words='${words}'; names=${takesNames ? 'yes' : ''} ;;`
  })
  return `_ipcsup() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words='' names=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${verbs.map(verb => verb.name).join(' ')} --help --version' -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$word" in
    -*) ;;
    *) words=''; [ -n "$names" ] && words="$(ipcsup completion names 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _ipcsup ipcsup
`
}

function zsh(verbs: readonly DescribedVerb[]): string {
  const list = verbs.map(({ name, about }) => `    ${quote(`${name}:${about}`)}`)
  const cases = verbs.map(({ name, options, takesNames }) => {
    const specs = [
      ...options.map(({ long, about }) => quote(`${long}[${about.replace(/[[\]]/g, '')}]`)),
      `'--help[show help]'`,
    ]
    return `    ${name}) _arguments ${specs.join(' ')} '*:${takesNames ? 'process:($(ipcsup completion names 2>/dev/null))' : 'file:_files'}' ;;`
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
compdef _ipcsup ipcsup
`
}

function fish(verbs: readonly DescribedVerb[]): string {
  const lines = verbs.flatMap(({ name, about, options, takesNames }) => [
    `complete -c ipcsup -n __fish_use_subcommand -f -a ${name} -d ${quote(about)}`,
    ...options.map(
      option =>
        `complete -c ipcsup -n '__fish_seen_subcommand_from ${name}' -l ${option.long.slice(2)} -d ${quote(option.about)}`,
    ),
    ...(takesNames
      ? [`complete -c ipcsup -n '__fish_seen_subcommand_from ${name}' -f -a '(ipcsup completion names 2>/dev/null)'`]
      : []),
  ])
  return `${lines.join('\n')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
