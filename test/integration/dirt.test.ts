import { expect, test } from 'vitest'
import type { PostgresPool } from '../../src/dialect/postgres/pool/pool.js'
import type { PoolEvents } from '../../src/pool/pool-events.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

type Cleaned = PoolEvents['connection:cleaned']

function cleanedOf(connections: PostgresPool): Cleaned[] {
  const cleaned: Cleaned[] = []
  connections.on('connection:cleaned', (event) => cleaned.push(event))
  return cleaned
}

/** The traces that the next borrower could find of the last one. On a fresh connection, all columns are true. */
const TRACES = `
  SELECT current_setting('work_mem') <> '77MB' AS work_mem, current_user = session_user AS role,
    session_user = (SELECT usename FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS authorization,
    current_setting('application_name') = 'lockpool test' AS application,
    NOT EXISTS (SELECT FROM pg_listening_channels()) AS listening, to_regclass('left_over') IS NULL AS tables,
    NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    NOT EXISTS (SELECT FROM pg_prepared_statements WHERE from_sql) AS prepared,
    NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'left_over') AS cursors,
    now() = statement_timestamp() AS transaction`

const DIRT: readonly (readonly [kind: string, statements: readonly string[], found: readonly string[]])[] = [
  ['an open transaction', ['BEGIN', 'CREATE TABLE left_over ()'], ['an open transaction']],
  ['a failed transaction', ['BEGIN', 'SELECT 1/0'], ['an open transaction']],
  [
    'advisory locks',
    ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_lock_shared(2, 3)', 'SELECT pg_advisory_lock(-7)'],
    ['advisory locks: 1 exclusive, -7 exclusive, [2, 3] share'],
  ],
  [
    'an advisory lock that was taken twice, in a transaction that is open',
    ['BEGIN', 'SELECT pg_advisory_lock(3)', 'SELECT pg_advisory_lock(3)'],
    ['an open transaction', 'advisory locks: 3 exclusive'],
  ],
  ['a changed setting', [`SET work_mem = '77MB'`], ['changed settings: work_mem']],
  [
    'a setting changed by a function',
    [`SELECT set_config('application_name', 'mine', false)`],
    ['changed settings: application_name'],
  ],
  ['another role', ['SET ROLE pg_monitor'], ['changed settings: role']],
  [
    'another session authorization',
    ['CREATE ROLE left_over_role', 'SET SESSION AUTHORIZATION left_over_role'],
    ['changed settings: session_authorization'],
  ],
  ['a subscription', ['LISTEN something', 'LISTEN other'], ['subscriptions: other, something']],
  ['a temporary table', ['CREATE TEMP TABLE left_over ()'], ['temporary tables: left_over']],
  ['a prepared statement', ['PREPARE left_over AS SELECT 1'], ['prepared statements: left_over']],
  [
    'a cursor that outlives its transaction',
    ['DECLARE left_over CURSOR WITH HOLD FOR SELECT 1'],
    ['open cursors: left_over'],
  ],
]

test.each(DIRT)(
  '%s does not reach the next borrower, and is reported with the place of the checkout',
  async (...row) => {
    const [, statements, expected] = row
    const { connections } = world.pool({ max: 2 })
    const cleaned = cleanedOf(connections)
    const first = await connections.connect()
    const pid = first.processID

    for (const statement of statements) await first.query(statement).catch(() => undefined)
    first.release()
    const second = await connections.connect()

    expect(second.processID, 'the same connection, made clean').toBe(pid)
    const [traces] = (await second.query(TRACES)).rows
    expect(Object.values(traces!), JSON.stringify(traces)).not.toContain(false)
    expect(cleaned.map(({ found }) => found)).toEqual([expected])
    expect(cleaned[0]!.where!.split('\n')[0], 'the borrower comes first').toMatch(/dirt\.test\.ts/)
    second.release()
    await world.database.query('DROP ROLE IF EXISTS left_over_role')
  },
)

test('twelve kinds of dirt are tested in the table above', () => {
  expect(DIRT).toHaveLength(12)
})

test('a release waits for a running statement, and one that takes too long costs the connection', async () => {
  const { connections } = world.pool({ max: 2 })
  const cleaned = cleanedOf(connections)
  const closed: PoolEvents['connection:closed'][] = []
  connections.on('connection:closed', (event) => closed.push(event))
  const first = await connections.connect()
  const short = first.query('SELECT pg_sleep(0.2)')
  first.release()
  const second = await connections.connect()
  await short
  expect(second.processID).toBe(first.processID)
  expect(cleaned).toMatchObject([{ found: ['1 statement under way'], where: expect.stringMatching(/dirt/) }])

  const long = rejection(second.query('SELECT pg_sleep(60)'))
  second.release()
  const third = await connections.connect()

  expect(third.processID).not.toBe(second.processID)
  expect(closed).toMatchObject([
    { reason: 'could not be cleaned', where: expect.stringMatching(/dirt\.test\.ts/) },
  ])
  await long
  await world.terminate(second.processID)
  third.release()
})

test('statements of the driver that a borrower has deallocated are parsed again by the next, and by lock sessions', async () => {
  const locks = world.pool({ max: 1 })
  const { connections } = locks
  const cleaned = cleanedOf(connections)
  const named = { name: 'twice', text: 'SELECT $1::int * 2 AS n', values: [2] }
  await locks.withLock('key', () => undefined)
  await connections.use(async (connection) => {
    await connection.query(named)
    await connection.query('DISCARD ALL')
  })

  const { rows } = await connections.use((connection) => connection.query(named))
  await locks.withLock('key', () => undefined)

  expect(rows).toEqual([{ n: 4 }])
  expect(cleaned).toMatchObject([{ found: ['deallocated statements'] }])
  expect(connections.counts().opened, 'all on one connection').toBe(1)
})

test('a borrower that cleans up after itself is not reported', async () => {
  const { connections } = world.pool({ max: 2 })
  const cleaned = cleanedOf(connections)

  for (const [before, after] of [
    ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'],
    ['LISTEN something', 'UNLISTEN something'],
    ['BEGIN', 'ROLLBACK'],
    [`SET work_mem = '77MB'`, 'RESET work_mem'],
  ] as const) {
    await connections.use(async (connection) => {
      await connection.query(before)
      await connection.query(after)
    })
  }
  await connections.query('SELECT 1')

  expect(cleaned).toEqual([])
})

test('without a listener, the place of a checkout is not recorded', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  const cleaned = cleanedOf(connections)
  await first.query('BEGIN')
  first.release()

  await connections.query('SELECT 1')

  expect(cleaned).toEqual([{ id: expect.any(Number), found: ['an open transaction'], where: null }])
})

test('a lock that pool.query leaves is reported with the place of that call', async () => {
  const { connections } = world.pool({ max: 2 })
  const cleaned = cleanedOf(connections)

  await connections.query('SELECT pg_advisory_lock(1)')
  await connections.query('SELECT 1')

  expect(cleaned).toMatchObject([
    { found: ['advisory locks: 1 exclusive'], where: expect.stringMatching(/dirt\.test\.ts/) },
  ])
})

/**
 * The number of transactions that the server has counted for this database. A session reports its own when it ends, at
 * the latest.
 */
async function transactions(): Promise<number> {
  const { rows } = await world.database.query<{ n: number }>(
    `SELECT (xact_commit + xact_rollback)::int AS n FROM pg_stat_database WHERE datname = current_database()`,
  )
  return rows[0]!.n
}

test('a clean return sends no statement: the server counts only those of the borrower', async (context) => {
  context.skip((await world.version()) < 15, 'it loses count')
  const CHECKOUTS = 200
  const spent = async (leases: number): Promise<number> => {
    const before = await transactions()
    const locks = world.pool({ max: 2, min: 1 })
    await locks.connections.ready()
    for (let i = 0; i < leases; i++) await locks.connections.use((connection) => connection.query('SELECT 1'))
    await world.closeAll()
    return (await transactions()) - before
  }

  const none = await spent(0)

  // The server's own processes may add transactions. The pool also checks once a second what it knows about statements.
  expect((await spent(CHECKOUTS)) - none).toBeGreaterThanOrEqual(CHECKOUTS * 0.8)
  expect((await spent(CHECKOUTS)) - none).toBeLessThan(CHECKOUTS * 1.5)
})

test("after a clean return the borrower's statement is the last that the server got", async () => {
  const { connections } = world.pool({ max: 2 })
  const lastStatement = async (pid: number): Promise<unknown> =>
    (await world.database.query('SELECT state, query FROM pg_stat_activity WHERE pid = $1', [pid])).rows

  for (const end of ['COMMIT', 'ROLLBACK', 'SELECT 1 AS mine']) {
    const useAndLook = async (): Promise<unknown> => {
      const lease = await connections.connect()
      if (end !== 'SELECT 1 AS mine') await lease.query('BEGIN')
      await lease.query(end)
      lease.release()
      const again = await connections.connect()
      expect(again.processID).toBe(lease.processID)
      again.release()
      return lastStatement(lease.processID)
    }
    // The pool needs a question about a new text, and one per second about all known texts. The test retries until
    // neither is due.
    await expect.poll(useAndLook).toEqual([{ state: 'idle', query: end }])
  }
})
