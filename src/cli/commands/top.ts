import { jsonLine } from '../../base/printable.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { overviewLines } from '../inspect/overview.js'
import { snapshotJson } from '../inspect/snapshot-json.js'
import { COLOR_ENVIRONMENT, screenSize } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type TopFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'interval', Flag<number>>> &
  Readonly<Record<'once' | 'json', Flag<true>>>

const SHORTEST_MS = 100
const DEFAULT_MS = 2000

/** The most lines of a snapshot that is printed once. */
const ONCE_LIMIT = 50

const FLAGS: TopFlags = {
  url: CONNECTION_FLAGS.url,
  interval: {
    short: 'i',
    value: 'DURATION',
    meaning: 'how often to refresh',
    default: '2s',
    expects: `${DURATION_IN_WORDS}, at least ${SHORTEST_MS}ms`,
    read: (text) => {
      const ms = parseDuration(text)
      return ms === null || ms < SHORTEST_MS ? null : ms
    },
  },
  once: toggle({ meaning: 'print one snapshot and exit, as without a terminal' }),
  json: toggle({ meaning: 'print one snapshot as JSON, the same as lockpool ls --json' }),
}

export const command: Command<TopFlags> = {
  usage: '[FLAGS]',
  description: [
    'Shows the locks of a database, and refreshes them: what is held, who waits, who blocks whom. The keys are those of pg_activity; h lists them.',
    'Without a terminal it prints one snapshot and exits.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool top', 'watch the locks; press 3 to see who blocks whom'],
    ['lockpool top -i 500ms', 'refresh more often'],
    ['lockpool top --once | head', 'one snapshot'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool top takes no arguments')
    const { withInspector } = await import('../inspect/with-inspector.js')
    return withInspector({ url: flags.url, applicationName: 'lockpool top' }, terminal, async (watch) => {
      const first = await watch.look()
      const { out, isInteractive, width } = terminal
      if (flags.json === true) out.write(`${jsonLine(snapshotJson(first))}\n`)
      else if (flags.once === true || !isInteractive || screenSize() === null)
        out.write(`${overviewLines(first, first.locks, ONCE_LIMIT, out, width()).join('\n')}\n`)
      else {
        const { Top } = await import('../top/run-top.js')
        return new Top(watch, first, terminal, flags.interval ?? DEFAULT_MS).run()
      }
      return EXIT.ok
    })
  },
}
