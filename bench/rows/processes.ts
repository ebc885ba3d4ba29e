import { Contest, type Outcome } from '../contest.js'
import { inTurn, percentile } from '../measure.js'
import { TransactionCount } from '../request-count.js'
import { compared, type Bench, type Group, type Row, type Target } from '../row.js'
import type { ContestantName } from '../workers/turns-terms.js'

/** The share of a few turns means nothing. This makes five seconds of a default round of 1.5. */
const TIMES_OF_ROUND = 10 / 3
const MOST_ROUNDS = 5

/**
 * One key that many processes want all the time, with one caller in each. Compares lockpool with the queue of the
 * server.
 */
export const processes: Group = { name: 'processes', run }

interface Limits {
  readonly transactions: number
  readonly p50?: number
  readonly p99?: number
  readonly rate?: number
  readonly share?: number
}

const LIMITS: readonly (readonly [processes: number, limits: Limits])[] = [
  [2, { transactions: 4 }],
  [8, { transactions: 5, p50: 1.2, p99: 1.5 }],
  [32, { transactions: 6, p50: 1.2, p99: 1.5, rate: 0.8, share: 0.9 }],
]

async function run(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [count, limits] of LIMITS) rows.push(...(await measure(bench, count, limits)))
  return rows
}

async function measure({ url, rounds, seconds, say }: Bench, count: number, limits: Limits): Promise<Row[]> {
  await using contest = new Contest('turns', [url], count, await TransactionCount.at(url))
  const length = seconds * TIMES_OF_ROUND
  const side = (name: ContestantName) => () => contest.run(name, length)
  const measured = await inTurn(
    Math.min(rounds, MOST_ROUNDS),
    { lockpool: side('lockpool'), pg_advisory_lock: side('blocking') },
    (what) => say(`${count} processes, ${what}`),
  )
  const row = (what: string, unit: string, of: (outcome: Outcome) => number, target?: Target): Row =>
    compared({
      what: `${count} processes, one key: ${what}`,
      unit,
      ours: measured.lockpool.map(of),
      reference: { name: 'blocking', figures: measured.pg_advisory_lock.map(of) },
      ...(target === undefined ? {} : { target }),
      notes: [
        `one caller in each, who holds it for 2 ms and wants it again at once; rounds of ${length} s; blocking: pg_advisory_lock on a connection per process`,
      ],
    })
  return [
    row('transactions per grant', '', (outcome) => outcome.requestsPerGrant, {
      of: 'ours',
      is: 'at most',
      limit: limits.transactions,
    }),
    row('p50 of the wait', 'ms', ({ waits }) => percentile(waits, 0.5), atMost(limits.p50)),
    row('p99 of the wait', 'ms', ({ waits }) => percentile(waits, 0.99), atMost(limits.p99)),
    row('grants', 'grants/s', (outcome) => outcome.grantsPerSecond, atLeast('ratio', limits.rate)),
    row(
      'smallest share of one',
      'of fair',
      ({ shares }) => Math.min(...shares),
      atLeast('ours', limits.share),
    ),
    row('largest share of one', 'of fair', ({ shares }) => Math.max(...shares)),
  ]
}

function atMost(limit: number | undefined): Target | undefined {
  return limit === undefined ? undefined : { of: 'ratio', is: 'at most', limit }
}

function atLeast(of: Target['of'], limit: number | undefined): Target | undefined {
  return limit === undefined ? undefined : { of, is: 'at least', limit }
}
