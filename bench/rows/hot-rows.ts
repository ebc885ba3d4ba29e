import { hasPgBouncer, PgBouncer } from '../../test/support/pgbouncer.js'
import { Contest, type Outcome } from '../contest.js'
import { inTurn, percentile } from '../measure.js'
import { TransactionCount } from '../request-count.js'
import { compared, type Bench, type Group, type Row, type Target } from '../row.js'
import type { ContestantName } from '../workers/turns-terms.js'

/** The share of a few turns means nothing. This makes five seconds of a default round of 1.5. */
const TIMES_OF_ROUND = 10 / 3
const MOST_ROUNDS = 3

const SERVER_CONNECTIONS = 10

/**
 * One key that all processes want all the time, with `backend: 'table'`: woken by notifications, and by polling alone
 * through a pooler.
 */
export const hotRows: Group = { name: 'hot-rows', isOnlyWhenNamed: true, run }

const WAYS: readonly (readonly [name: ContestantName, rate: number])[] = [
  ['rows, notified', 0.7],
  ['rows, polling', 0.5],
]

async function run(bench: Bench): Promise<readonly Row[]> {
  if (!hasPgBouncer) {
    bench.say('there is no pgbouncer: these rows are left out')
    return []
  }
  await using bouncer = await PgBouncer.to(bench.url, {
    pool_mode: 'transaction',
    default_pool_size: SERVER_CONNECTIONS,
    // The transactions are counted after the sessions that made them have ended.
    server_idle_timeout: 1,
  })
  const rows: Row[] = []
  for (const count of [4, 16]) rows.push(...(await measure(bench, bouncer.url, count)))
  return rows
}

async function measure(
  { url, rounds, seconds, say }: Bench,
  pooled: string,
  count: number,
): Promise<readonly Row[]> {
  const transactions = await TransactionCount.at(url)
  await using contest = new Contest('turns', [url, pooled], count, transactions)
  const length = seconds * TIMES_OF_ROUND
  const side = (name: ContestantName) => () => contest.run(name, length)
  const measured = await inTurn(
    Math.min(rounds, MOST_ROUNDS),
    { blocking: side('blocking'), ...Object.fromEntries(WAYS.map(([name]) => [name, side(name)])) } as Record<
      ContestantName,
      () => Promise<Outcome>
    >,
    (what) => say(`${count} processes, ${what}`),
  )
  return WAYS.flatMap(([name, rate]) => {
    const row = (what: string, unit: string, of: (outcome: Outcome) => number, target?: Target): Row =>
      compared({
        what: `${name}, ${count} processes: ${what}`,
        unit,
        ours: measured[name].map(of),
        reference: { name: 'blocking', figures: measured.blocking.map(of) },
        ...(target === undefined ? {} : { target }),
        notes: [
          `one caller in each, who holds it for 2 ms and wants it again at once; rounds of ${length} s; polling: through PgBouncer in transaction mode with ${SERVER_CONNECTIONS} connections to the server; blocking: pg_advisory_lock on a connection per process`,
        ],
      })
    return [
      row('grants', 'grants/s', (outcome) => outcome.grantsPerSecond, {
        of: 'ratio',
        is: 'at least',
        limit: rate,
      }),
      row('smallest share of one', 'of fair', ({ shares }) => Math.min(...shares), {
        of: 'ours',
        is: 'at least',
        limit: 0.8,
      }),
      row('transactions per grant', '', (outcome) => outcome.requestsPerGrant),
      row('p50 of the wait', 'ms', ({ waits }) => percentile(waits, 0.5)),
      row('p99 of the wait', 'ms', ({ waits }) => percentile(waits, 0.99)),
    ]
  })
}
