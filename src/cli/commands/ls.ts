import { jsonLine } from '../../base/printable.js'
import { findingsOf, type Finding } from '../../inspect/findings.js'
import type { ServerLock, ServerLockKind } from '../../inspect/server-lock.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { choiceFlag, countFlag, toggle, type Flag } from '../flags.js'
import { byUrgency } from '../inspect/locks-view.js'
import { overviewLines } from '../inspect/overview.js'
import { snapshotJson } from '../inspect/snapshot-json.js'
import { COLOR_ENVIRONMENT } from '../terminal.js'
import { isMysql, refuseInMysql } from '../mysql/address.js'
import { UsageError } from '../usage-error.js'

type LsFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'all' | 'waiting' | 'json', Flag<true>>> &
  Readonly<Record<'kind', Flag<ServerLockKind>>> &
  Readonly<Record<'fail-on', Flag<Finding['severity']>>> &
  Readonly<Record<'limit', Flag<number>>>

const KINDS = ['advisory', 'semaphore', 'row', 'table', 'transaction', 'other'] as const

/** MariaDB and MySQL do not show which rows and tables a session has locked. */
const KINDS_OF_MYSQL: ReadonlySet<ServerLockKind> = new Set(['advisory', 'semaphore'])

const DEFAULT_LIMIT = 200

/** The exit code of `--fail-on`. */
const FOUND = 1

const FLAGS: LsFlags = {
  url: CONNECTION_FLAGS.url,
  kind: choiceFlag('KIND', KINDS, { meaning: `only one kind: ${KINDS.join(', ')}` }),
  waiting: toggle({ short: 'w', meaning: 'only locks that others wait for' }),
  all: toggle({
    short: 'a',
    meaning: 'also tables, indexes and transactions that are merely in use and block no session',
  }),
  'fail-on': choiceFlag('SEVERITY', ['problem', 'warning'], {
    meaning: 'exit with 1 if there is a problem, or with "warning" also for a warning',
  }),
  limit: countFlag({ meaning: 'show at most N locks', default: String(DEFAULT_LIMIT) }, 1, 1_000_000),
  json: toggle({ meaning: 'print everything as one JSON object; sessions are listed once, by their pid' }),
}

export const command: Command<LsFlags> = {
  usage: '[FLAGS]',
  description: [
    'Shows the locks of a database at this moment: who holds each lock and who waits for it, who blocks whom with the cause at the top, and findings: sentences about what needs attention.',
    'It shows all advisory locks of any program, rows and tables that others wait for, and tables that are locked against writing. Internal locks of lockpool are left out. Processes that use lockpool wait outside the server; they are shown as waiters all the same.',
    'PostgreSQL does not record when a lock was granted. Pools record it for their own locks if "lockpool install" has created the table. For other locks the times after >= and <= are limits: how long the session has been idle, and how long its transaction has run. If nothing is known, nothing is shown.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool ls', 'what is locked, and by whom'],
    ['lockpool ls --waiting', 'why is it stuck?'],
    ['lockpool ls --fail-on problem > /dev/null || notify-on-call', 'an alert from cron'],
    ["lockpool ls --json | jq '.findings[].text'", 'for a program to read'],
  ],
  exitCodes: [
    ...exitRows('ok'),
    [String(FOUND), 'with --fail-on: there is a finding of that severity'],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null)
      throw new UsageError('lockpool ls takes no arguments; "lockpool who KEY" is about one lock')
    refuseInMysql(flags.url, flags, 'all')
    if (flags.kind !== undefined && !KINDS_OF_MYSQL.has(flags.kind) && isMysql(flags.url))
      throw new UsageError(`--kind ${flags.kind} is for PostgreSQL`)
    const { withInspector } = await import('../inspect/with-inspector.js')
    const address = { url: flags.url, applicationName: 'lockpool ls' }
    return withInspector(address, terminal, async (watch) => {
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
      return hasFinding(snapshot, flags['fail-on']) ? FOUND : EXIT.ok
    })
  },
}

/** Whether there is a finding at least as severe. All findings count, whatever locks are shown. */
function hasFinding(snapshot: LockSnapshot, from: Finding['severity'] | undefined): boolean {
  if (from === undefined) return false
  return findingsOf(snapshot).some(({ severity }) => from === 'warning' || severity === 'problem')
}

function isWanted(
  { kind, waiters }: ServerLock,
  only: ServerLockKind | undefined,
  isWaitedFor: boolean,
): boolean {
  return (only === undefined || kind === only) && (!isWaitedFor || waiters.length > 0)
}
