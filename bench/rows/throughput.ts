import { cpuUsage } from 'node:process'
import pg from 'pg'
import { LockPool } from '../../src/index.js'
import { inTurn, rate, type GoesOn } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { connectTo, ConnectionWatch } from '../server.js'

const CALLERS = 1000
/** One place in the pool is kept for borrowers. */
const SESSIONS = 2
/** More callers than connections: those of `pg.Pool` queue for one, and a connection per lock would run into the server's limit. */
const REFERENCE_CALLERS = 100
const POOL_SIZE = 10
const APPLICATION = 'lockpool-bench-throughput'

const LOCK = { name: 'lock', text: 'SELECT pg_try_advisory_lock($1)' }
const UNLOCK = { name: 'unlock', text: 'SELECT pg_advisory_unlock($1)' }

/** What the server does with so many pairs when nobody sends it anything in between. */
const PAIRS_ALONE = `
SELECT
  count(CASE WHEN pg_try_advisory_lock(k) THEN nextval('lockpool.fence') END),
  count(CASE WHEN pg_advisory_unlock(k) THEN 1 END)
FROM generate_series(1, $1::int8) AS keys (k)`

/** Many callers, each with a key of its own: what sharing a statement is worth. */
export const throughput: Group = { name: 'throughput', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url, max: SESSIONS + 1, applicationName: APPLICATION })
  await locks.ready()
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE })
  const server = await connectTo(url)
  const watch = new ConnectionWatch(url, APPLICATION)
  const cpu: number[] = []

  const measured = await inTurn(
    rounds,
    {
      lockpool: async () => {
        const before = cpuUsage()
        const pairs = await rate(CALLERS, seconds, (goesOn, index) => lockAndRelease(locks, index, goesOn))
        const { user, system } = cpuUsage(before)
        cpu.push((user + system) / (pairs * seconds))
        return pairs
      },
      'pg.Pool': () => rate(REFERENCE_CALLERS, seconds, (goesOn, index) => throughPool(pool, index, goesOn)),
      'a connection per lock': () =>
        rate(REFERENCE_CALLERS, seconds, (goesOn, index) => connectionPerLock(url, index, goesOn)),
      'the server alone, 1000 a time': () => serverAlone(server, 1000, seconds),
      'the server alone, 20000 a time': () => serverAlone(server, 20_000, seconds),
    },
    say,
  )
  const { most, looks } = await watch.stop()
  await Promise.all([pool.end(), server.end()])

  const against = (name: keyof typeof measured) => ({
    unit: 'pairs/s',
    ours: measured.lockpool,
    reference: { name, figures: measured[name] },
  })
  const cpuNote = `this process used ${Math.min(...cpu.slice(1)).toFixed(2)} us of CPU per pair in its best round`
  return [
    compared({
      what: '1000 callers, distinct keys, 2 connections',
      ...against('pg.Pool'),
      target: { of: 'ratio', is: 'at least', limit: 30 },
      notes: [`${POOL_SIZE} connections, ${REFERENCE_CALLERS} callers, prepared, no tokens`, cpuNote],
    }),
    compared({
      what: 'the same',
      ...against('a connection per lock'),
      target: { of: 'ratio', is: 'at least', limit: 2000 },
      notes: [`${REFERENCE_CALLERS} callers, who connect, lock, unlock and disconnect`],
    }),
    compared({
      what: 'the same',
      ...against('the server alone, 1000 a time'),
      target: { of: 'ratio', is: 'at least', limit: 0.45 },
      notes: [
        'one connection; the server locks, draws a token and unlocks by itself, 1000 pairs a statement: the operations of one of our batches',
      ],
    }),
    compared({
      what: 'the same',
      ...against('the server alone, 20000 a time'),
      notes: [
        'as before, 20000 pairs a statement: no round trips to speak of. The target is about statements of our size',
      ],
    }),
    alone({
      what: 'connections the server saw meanwhile',
      unit: 'connections',
      ours: [most],
      target: { of: 'ours', is: 'at most', limit: SESSIONS },
      notes: [`the most in ${looks} looks at pg_stat_activity`],
    }),
  ]
}

async function lockAndRelease(locks: LockPool, index: number, goesOn: GoesOn): Promise<void> {
  const key = `throughput ${index}`
  let last = 0n
  while (goesOn()) {
    const lock = await locks.acquire(key)
    if (lock.token <= last) throw new Error(`token ${lock.token} was drawn after ${last}`)
    last = lock.token
    await lock.release()
  }
}

async function throughPool(pool: pg.Pool, index: number, goesOn: GoesOn): Promise<void> {
  const values = [index]
  while (goesOn()) {
    const client = await pool.connect()
    await client.query({ ...LOCK, values })
    await client.query({ ...UNLOCK, values })
    client.release()
  }
}

async function connectionPerLock(url: string, index: number, goesOn: GoesOn): Promise<void> {
  const values = [index]
  while (goesOn()) {
    const client = await connectTo(url)
    await client.query(LOCK.text, values)
    await client.query(UNLOCK.text, values)
    await client.end()
  }
}

/** One caller, one statement after another. */
async function serverAlone(server: pg.Client, pairs: number, seconds: number): Promise<number> {
  const statement = { name: 'alone', text: PAIRS_ALONE, values: [pairs] }
  const statements = await rate(1, seconds, async (goesOn) => {
    while (goesOn()) await server.query(statement)
  })
  return statements * pairs
}
