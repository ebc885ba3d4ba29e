import type { FlagTable } from '../flags.js'

/** What a shell has to know of one command. */
export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly flags: FlagTable
}

export type Shell = 'bash' | 'zsh' | 'fish'

export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

/** The script that teaches a shell our commands and flags. It is made of the same tables as the help. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  return { bash, zsh, fish }[shell](commands)
}

/** What stands behind `--` is another program's, and completed as files. */
function bash(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const cases = commands.map(({ name, flags }) => `    ${name}) words='${flagWords(flags).join(' ')}' ;;`)
  return `# bash completion of lockpool: eval "$(lockpool completion bash)"
_lockpool() {
  local current=\${COMP_WORDS[COMP_CWORD]} command='' words='' i
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
  # A key, or the value of a flag, is no word of ours.
  [[ -z $command || $current == -* ]] || return
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _lockpool lockpool
`
}

function zsh(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`)
  const cases = commands.map(({ name, flags }) => {
    const specs = Object.entries(flags).flatMap(([flag, { short, value, meaning }]) => {
      const rest = `[${meaning.replaceAll(/[[\]\\:]/g, '\\$&')}]${value === undefined ? '' : `:${value}: `}`
      return [`--${flag}`, ...(short === undefined ? [] : [`-${short}`])].map((each) => quote(each + rest))
    })
    return `    ${name}) _arguments -S ${specs.join(' ')} '*:: :_default' ;;`
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
  const lines = commands.flatMap(({ name, summary, flags }) => [
    `complete -c lockpool -n __fish_use_subcommand -f -a ${name} -d ${fishQuote(summary)}`,
    ...Object.entries(flags).map(([flag, { short, value, meaning }]) => {
      const names = short === undefined ? `-l ${flag}` : `-l ${flag} -s ${short}`
      const takes = value === undefined ? '' : ' -x'
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

/** Its single quotes know two escapes, and no end and new beginning. */
function fishQuote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}
