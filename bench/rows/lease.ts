import pg from 'pg'
import { LockPool } from '../../src/index.js'
import { inTurn, percentile, rate } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'

const CALLERS = 100
const CONNECTIONS = 10
/** Most statements have a parameter. */
const STATEMENT = 'SELECT $1::int AS n'

/** Compares borrowed connections with those of a `pg.Pool`: the same statements, callers and number of connections. */
export const lease: Group = { name: 'lease', run }

/** The methods that both pools have. The types of ours are compatible. */
type Pool = Pick<pg.Pool, 'connect' | 'query'>

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  // One connection more, because lockpool reserves one for lock sessions.
  await using locks = new LockPool({ connection: url, min: 0, max: CONNECTIONS + 1 })
  const theirs = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  const ours = locks.connections
  const waits: Record<string, number[]> = { lockpool: [], 'pg.Pool': [] }

  const borrowed = await inTurn(
    rounds,
    {
      lockpool: () => borrow(ours, seconds, waits['lockpool']!),
      'pg.Pool': () => borrow(theirs, seconds, waits['pg.Pool']!),
    },
    say,
  )
  const asked = await inTurn(
    rounds,
    { lockpool: () => ask(ours, seconds), 'pg.Pool': () => ask(theirs, seconds) },
    say,
  )
  await theirs.end()

  const among = `${CALLERS} callers, ${CONNECTIONS} connections`
  const against = (figures: readonly number[]): { name: string; figures: readonly number[] } => ({
    name: 'pg.Pool',
    figures,
  })
  return [
    compared({
      what: `${among}: check out, query, check in`,
      unit: 'checkouts/s',
      ours: borrowed.lockpool,
      reference: against(borrowed['pg.Pool']),
      target: { of: 'ratio', is: 'at least', limit: 1 },
    }),
    compared({
      what: `${among}: p99 of waiting for a connection`,
      unit: 'ms',
      // Leaves out the warm-up.
      ours: waits['lockpool']!.slice(1),
      reference: against(waits['pg.Pool']!.slice(1)),
      target: { of: 'ratio', is: 'at most', limit: 1 },
    }),
    compared({
      what: `${among}: pool.query`,
      unit: 'queries/s',
      ours: asked.lockpool,
      reference: against(asked['pg.Pool']),
      target: { of: 'ratio', is: 'at least', limit: 1 },
    }),
  ]
}

/** Returns the checkouts per second. Adds the 99th percentile of the wait to `p99`. */
async function borrow(pool: Pool, seconds: number, p99: number[]): Promise<number> {
  const waited: number[] = []
  const checkouts = await rate(CALLERS, seconds, async (goesOn, index) => {
    while (goesOn()) {
      const from = performance.now()
      const client = await pool.connect()
      waited.push(performance.now() - from)
      await client.query(STATEMENT, [index])
      client.release()
    }
  })
  p99.push(percentile(waited, 0.99))
  return checkouts
}

function ask(pool: Pool, seconds: number): Promise<number> {
  return rate(CALLERS, seconds, async (goesOn, index) => {
    while (goesOn()) await pool.query(STATEMENT, [index])
  })
}
