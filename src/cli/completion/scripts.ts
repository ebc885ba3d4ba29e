import type { FlagTable } from '../flags.js'

/** The completion data of one command. */
export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly flags: FlagTable
  /** The values of its argument, if there are only a few. */
  readonly choices: readonly string[]
}

export type Shell = 'bash' | 'zsh' | 'fish'

export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

/** The completion script for a shell, from the same tables as the help. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  return { bash, zsh, fish }[shell](commands)
}

/** Words after `--` belong to another program, and are completed as files. */
function bash(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const cases = commands.map(({ name, flags, choices }) => {
    const values = choices.length === 0 ? '' : ` values='${choices.join(' ')}'`
    return `    ${name}) words='${flagWords(flags).join(' ')}'${values} ;;`
  })
  const valued = commands.flatMap(({ name, flags }) =>
    Object.entries(flags).flatMap(([flag, { choices }]) =>
      choices === undefined ? [] : [`    ${name}--${flag}) values='${choices.join(' ')}' words='' ;;`],
    ),
  )
  return `# bash completion of lockpool: eval "$(lockpool completion bash)"
_lockpool() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' values='' i
  # bash takes --kind=table apart, into three words.
  [[ $current == = ]] && current=
  [[ $before == = ]] && before=\${COMP_WORDS[COMP_CWORD-2]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --) return ;;
      -*) ;;
      *) [[ -n $command ]] || command=\${COMP_WORDS[i]} ;;
    esac
  done
  case $command in
    '') words='${names} --help --version' ;;
${cases.join('\n')}
  esac
  case $command$before in
${valued.join('\n')}
  esac
  # A key, or the value of another flag, is no word of ours.
  [[ -z $command || $current == -* ]] || words=
  COMPREPLY=($(compgen -W "$words $values" -- "$current"))
}
complete -o default -F _lockpool lockpool
`
}

function zsh(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`)
  const cases = commands.map(({ name, flags, choices }) => {
    const specs = Object.entries(flags).flatMap(([flag, { short, value, meaning, choices: values }]) => {
      const action = values === undefined ? ' ' : `(${values.join(' ')})`
      const rest = `[${meaning.replaceAll(/[[\]\\:]/g, '\\$&')}]${value === undefined ? '' : `:${value}:${action}`}`
      // With `=`, both --kind table and --kind=table are understood.
      const long = `--${flag}${value === undefined ? '' : '='}`
      return [long, ...(short === undefined ? [] : [`-${short}`])].map((each) => quote(each + rest))
    })
    // One colon: flags are also completed after the arguments.
    const argument = choices.length === 0 ? '*: :_default' : `1: :(${choices.join(' ')})`
    return `    ${name}) _arguments -S ${specs.join(' ')} ${quote(argument)} ;;`
  })
  return `#compdef lockpool
# zsh completion of lockpool: source <(lockpool completion zsh), or save it as _lockpool in a folder of $fpath
_lockpool() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _lockpool ]]; then _lockpool "$@"; else compdef _lockpool lockpool; fi
`
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, flags, choices }) => [
    `complete -c lockpool -n __fish_use_subcommand -f -a ${name} -d ${fishQuote(summary)}`,
    ...(choices.length === 0
      ? []
      : [
          `complete -c lockpool -n '__fish_seen_subcommand_from ${name}' -f -a ${fishQuote(choices.join(' '))}`,
        ]),
    ...Object.entries(flags).map(([flag, { short, value, meaning, choices: values }]) => {
      const names = short === undefined ? `-l ${flag}` : `-l ${flag} -s ${short}`
      const takes =
        value === undefined ? '' : values === undefined ? ' -x' : ` -x -a ${fishQuote(values.join(' '))}`
      return `complete -c lockpool -n '__fish_seen_subcommand_from ${name}' ${names}${takes} -d ${fishQuote(meaning)}`
    }),
  ])
  return `# fish completion of lockpool: lockpool completion fish | source\n${lines.join('\n')}\n`
}

function flagWords(flags: FlagTable): string[] {
  return Object.keys(flags).map((name) => `--${name}`)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** In fish, single quotes have two escapes. A string cannot end and begin again in the middle, as in sh. */
function fishQuote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}
