import { jsonLine } from '../../base/printable.js'
import type { ServerLock, ServerLockKind } from '../../inspect/server-lock.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { choiceFlag, countFlag, toggle, type Flag } from '../flags.js'
import { byUrgency } from '../inspect/locks-view.js'
import { overviewLines } from '../inspect/overview.js'
import { snapshotJson } from '../inspect/snapshot-json.js'
import { COLOR_ENVIRONMENT } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type LsFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'all' | 'waiting' | 'json', Flag<true>>> &
  Readonly<Record<'kind', Flag<ServerLockKind>>> &
  Readonly<Record<'limit', Flag<number>>>

const KINDS = ['advisory', 'semaphore', 'row', 'table', 'transaction', 'other'] as const

const DEFAULT_LIMIT = 200

const FLAGS: LsFlags = {
  url: CONNECTION_FLAGS.url,
  kind: choiceFlag('KIND', KINDS, { meaning: `only one kind: ${KINDS.join(', ')}` }),
  waiting: toggle({ short: 'w', meaning: 'only what somebody waits for' }),
  all: toggle({
    short: 'a',
    meaning: 'also tables, indexes and transactions that are merely in use, and keep nobody waiting',
  }),
  limit: countFlag({ meaning: 'show at most so many locks', default: String(DEFAULT_LIMIT) }, 1, 1_000_000),
  json: toggle({ meaning: 'print everything as one JSON object; sessions stand apart, by their pid' }),
}

export const command: Command<LsFlags> = {
  usage: '[FLAGS]',
  description: [
    'Shows the locks of a database at this moment: who holds each, and who waits for it; below that, who blocks whom, with the cause at the top, and what is worth a look, in sentences.',
    'Shows all advisory locks, whoever took them, rows and tables that somebody waits for, and tables that are locked against writing. What lockpool uses for itself is not shown as locks; its waiting processes are shown as waiters, although they wait outside the server.',
    'The server does not know since when a lock is held. Pools say it of their own locks where "lockpool install" has made the table for that; of others the times behind >= and <= are limits: how long the session has done nothing since, and how long its transaction runs. Where nothing is known nothing is shown.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool ls', 'what is locked, and by whom'],
    ['lockpool ls --waiting', 'why is it stuck?'],
    ["lockpool ls --json | jq '.findings[].text'", 'for a program to read'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null)
      throw new UsageError('lockpool ls takes no arguments; "lockpool who KEY" is about one lock')
    const { withWatch } = await import('../inspect/server-watch.js')
    const address = { url: flags.url, applicationName: 'lockpool ls' }
    return withWatch(address, terminal, async (watch) => {
      const snapshot = await watch.look({ everything: flags.all === true })
      const locks = snapshot.locks.filter((lock) => isWanted(lock, flags.kind, flags.waiting === true))
      if (flags.json === true) {
        const json = snapshotJson(snapshot, locks.toSorted(byUrgency))
        terminal.out.write(`${jsonLine(json)}\n`)
      } else {
        const limit = flags.limit ?? DEFAULT_LIMIT
        const lines = overviewLines(snapshot, locks, limit, terminal.out, terminal.width())
        terminal.out.write(`${lines.join('\n')}\n`)
      }
      return 0
    })
  },
}

function isWanted(
  { kind, waiters }: ServerLock,
  only: ServerLockKind | undefined,
  isWaitedFor: boolean,
): boolean {
  return (only === undefined || kind === only) && (!isWaitedFor || waiters.length > 0)
}
