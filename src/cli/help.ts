import { COMMANDS } from './command-table.js'
import type { Command } from './command.js'
import type { HelpRow } from './help-row.js'
import type { FlagTable } from './flags.js'
import type { Channel } from './terminal.js'
import { wrap } from './wrap.js'

const WIDTH = 100

type Heading = (text: string) => string

/** What `lockpool --help` prints. */
export function overview(channel: Channel): string {
  const heading = headingOf(channel)
  return [
    'lockpool: locks in PostgreSQL\n',
    section(heading, 'Usage', [
      ['lockpool COMMAND --help', 'what a command does, its flags, examples and exit codes'],
    ]),
    section(
      heading,
      'Commands',
      COMMANDS.map(({ name, summary }) => [name, summary]),
    ),
    section(heading, 'Flags', [
      ['-h, --help', 'print this'],
      ['-V, --version', 'print the version'],
    ]),
  ].join('\n')
}

/** What `lockpool NAME --help` prints. */
export function commandHelp(name: string, command: Command, channel: Channel): string {
  const heading = headingOf(channel)
  const parts = [
    `${heading('Usage')}\n  lockpool ${name} ${command.usage}\n`,
    ...command.description.map((paragraph) => `${wrap(paragraph, WIDTH).join('\n')}\n`),
    section(heading, 'Flags', flagRows(command.flags)),
    section(heading, 'Environment', command.environment),
    section(heading, 'Exit codes', command.exitCodes),
    examples(heading, command.examples),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function headingOf(channel: Channel): Heading {
  return (text) => channel.paint('bold', `${text}:`)
}

function flagRows(flags: FlagTable): HelpRow[] {
  return Object.entries(flags).map(([name, { short, value, meaning, default: fallback }]) => {
    const names = short === undefined ? `    --${name}` : `-${short}, --${name}`
    const term = value === undefined ? names : `${names} ${value}`
    return [term, fallback === undefined ? meaning : `${meaning} (default: ${fallback})`]
  })
}

/** The longest term with its meaning on the same line, rather than below. */
const WIDEST_TERM = 24

function section(heading: Heading, title: string, rows: readonly HelpRow[]): string {
  if (rows.length === 0) return ''
  const width = Math.max(...rows.map(([term]) => (term.length <= WIDEST_TERM ? term.length : 0))) + 2
  const margin = ' '.repeat(width + 2)
  const lines = rows.flatMap(([term, meaning]) => {
    const [first = '', ...more] = wrap(meaning, WIDTH - width - 2)
    const isOnOneLine = term.length <= width - 2
    const head = isOnOneLine ? [`  ${term.padEnd(width)}${first}`] : [`  ${term}`, margin + first]
    return [...head, ...more.map((line) => margin + line)]
  })
  return `${heading(title)}\n${lines.join('\n')}\n`
}

function examples(heading: Heading, rows: readonly HelpRow[]): string {
  if (rows.length === 0) return ''
  const lines = rows.map(([command, when]) => `  # ${when}\n  ${command}\n`)
  return `${heading('Examples')}\n${lines.join('\n')}`
}
