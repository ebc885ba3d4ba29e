import { connect } from 'node:net'
import { hasPgBouncer, PgBouncer } from '../../test/support/pgbouncer.js'
import { inTurn } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { connectTo } from '../server.js'
import { WorkerProcess } from '../worker.js'
import type { PairsAnswer, PairsQuestion } from '../workers/pairs-terms.js'
import {
  CALLERS,
  POOL_CALLERS,
  POOL_SIZE,
  SERVER_CONNECTIONS,
  type RowPairsKind,
} from '../workers/row-pairs-terms.js'

const REDIS = 'redis://127.0.0.1:6379'

/**
 * `backend: 'table'` with many callers and with one: through a pooler in transaction mode, direct, and with
 * serializable transactions.
 */
export const rowsWithLeases: Group = { name: 'rows-with-leases', isOnlyWhenNamed: true, run }

const POOLED = `through PgBouncer in transaction mode with ${SERVER_CONNECTIONS} connections to the server`
const BY_HAND = `the table by hand: pg.Pool of ${POOL_SIZE}, ${POOL_CALLERS} callers, INSERT ... ON CONFLICT and DELETE, unnamed`
const REDIS_NOTE = 'SET NX PX and compare-and-delete with ioredis on one connection'

async function run(bench: Bench): Promise<readonly Row[]> {
  return [
    ...(await pooled(bench)),
    ...(await direct(bench)),
    ...(await direct(bench, 'serializable')),
    ...(await distributed(bench)),
  ]
}

async function pooled(bench: Bench): Promise<Row[]> {
  if (!hasPgBouncer) {
    bench.say('there is no pgbouncer: its rows are left out')
    return []
  }
  const url = await ownDatabase(bench.url, 'bench_rows_pooled')
  await using bouncer = await PgBouncer.to(url, {
    pool_mode: 'transaction',
    default_pool_size: SERVER_CONNECTIONS,
  })
  const sides: Side[] = [
    ['new names', [bouncer.url]],
    ['the same names', [bouncer.url]],
    ['a lock table by hand', [bouncer.url]],
  ]
  if (await answers(REDIS)) sides.push(['Redis', [REDIS]], ['Redis, pipelined', [REDIS]])
  const many = await measure(bench, sides)
  const one = await measure(bench, [
    ['new names', [bouncer.url, '1']],
    ['two bare writes', [bouncer.url]],
  ])
  const what = `rows with leases, ${CALLERS} callers, new names`
  const rows = [
    row(many, what, 'new names', 'a lock table by hand', 8, [POOLED, BY_HAND]),
    ...(many['Redis'] === undefined
      ? []
      : [
          row(many, what, 'new names', 'Redis, pipelined', 1.6, [POOLED, REDIS_NOTE]),
          row(many, what, 'new names', 'Redis', 2.7, [POOLED, REDIS_NOTE]),
        ]),
    row(many, `${what} and names that repeat`, 'new names', 'the same names', null, [POOLED]),
    cpu(many, `${what}, pooled`, 'new names'),
    cpu(many, 'the same, names that repeat', 'the same names'),
  ]
  return [
    ...rows,
    row(one, 'rows with leases, one caller', 'new names', 'two bare writes', 1 / 1.5, [
      POOLED,
      'two bare writes: one row that is there, without any condition',
    ]),
  ]
}

async function direct(bench: Bench, isolation?: 'serializable'): Promise<Row[]> {
  const url = await ownDatabase(bench.url, `bench_rows_${isolation ?? 'direct'}`, isolation)
  const measured = await measure(bench, [
    ['new names', [url]],
    ['session locks', [url]],
  ])
  const how = isolation ?? 'direct'
  return [
    row(
      measured,
      `rows with leases, ${CALLERS} callers, new names, ${how}`,
      'new names',
      'session locks',
      isolation === undefined ? 0.34 * 0.9 : 0.29 * 0.7,
      ['session locks: backend "advisory" on the same server, as many connections'],
    ),
    cpu(measured, `the same, ${how}`, 'new names'),
  ]
}

/** Both engines on one serializable server. */
async function distributed(bench: Bench): Promise<Row[]> {
  const url = await ownDatabase(bench.url, 'bench_rows_engines', 'serializable')
  const rows: Row[] = []
  for (const callers of [CALLERS, 1]) {
    const measured = await measure(bench, [
      ['distributed SQL', [url, String(callers)]],
      ['new names', [url, String(callers)]],
    ])
    const what = `engine "distributed", ${callers === 1 ? 'one caller' : `${callers} callers`}, new names, serializable`
    rows.push(
      row(measured, what, 'distributed SQL', 'new names', null, ['the reference is engine "postgres"']),
      cpu(measured, what, 'distributed SQL'),
    )
  }
  return rows
}

type Side = readonly [kind: RowPairsKind, args: readonly string[]]
type Measured = Readonly<Partial<Record<RowPairsKind, readonly PairsAnswer[]>>>

/** Measures the sides in turn, each in a separate process. */
async function measure({ rounds, seconds, say }: Bench, sides: readonly Side[]): Promise<Measured> {
  const workers = sides.map(
    ([kind, args]) =>
      [kind, new WorkerProcess<PairsQuestion, PairsAnswer>('row-pairs', [kind, ...args])] as const,
  )
  try {
    const questions = workers.map(([kind, worker]) => [kind, () => worker.ask({ seconds })])
    return await inTurn(
      rounds,
      Object.fromEntries(questions) as Record<RowPairsKind, () => Promise<PairsAnswer>>,
      say,
    )
  } finally {
    await Promise.all(workers.map(([, worker]) => worker[Symbol.asyncDispose]()))
  }
}

function row(
  measured: Measured,
  what: string,
  ours: RowPairsKind,
  name: RowPairsKind,
  limit: number | null,
  notes: readonly string[],
): Row {
  return compared({
    what,
    unit: 'pairs/s',
    ours: rates(measured[ours]!),
    reference: { name, figures: rates(measured[name]!) },
    ...(limit === null ? {} : { target: { of: 'ratio', is: 'at least', limit } }),
    notes,
  })
}

function cpu(measured: Measured, what: string, of: RowPairsKind): Row {
  return alone({
    what: `${what}: CPU of our process for a pair`,
    unit: 'us',
    ours: measured[of]!.map(({ cpuMicrosecondsPerPair }) => cpuMicrosecondsPerPair),
  })
}

function rates(answered: readonly PairsAnswer[]): number[] {
  return answered.map(({ pairsPerSecond }) => pairsPerSecond)
}

/** A database per side, so that the data of one does not slow down the others. */
async function ownDatabase(server: string, name: string, isolation?: string): Promise<string> {
  const client = await connectTo(server)
  await client.query(`DROP DATABASE IF EXISTS ${name}`)
  await client.query(`CREATE DATABASE ${name}`)
  if (isolation !== undefined)
    await client.query(`ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`)
  await client.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
