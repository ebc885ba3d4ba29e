/** Rows that move to another generation, step by step on a real server. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Prepared } from '../../src/dialect/postgres/connection/own-query.js'
import type { StatementRunner } from '../../src/dialect/postgres/table/statement-runner.js'
import { moveRows } from '../../src/dialect/postgres/table/generation.js'
import { JOIN, REMOVE_DEAD, SWEEP } from '../../src/dialect/postgres/table/member-sql.js'
import { tidyRows } from '../../src/dialect/postgres/table/tidy.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'

let database: TestDatabase
const clients: pg.Client[] = []

beforeAll(async () => {
  database = await createDatabase()
  // It creates the tables.
  await (await new LockPool({ connection: database.url, backend: 'table' }).ready()).close()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()))
  await database.query('TRUNCATE lockpool.member, lockpool.lease; UPDATE lockpool.floor SET generation = 0')
})

afterAll(() => database.drop())

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(database.url)
  clients.push(client)
  await client.connect()
  return client
}

async function join(id: number, timeline: string | null = null): Promise<void> {
  await database.query(
    `INSERT INTO lockpool.member (id, floor, generation, lease_ms, namespace, name, timeline)
     SELECT $1, floor, generation, 1000, '', 'me', $2 FROM lockpool.floor`,
    [id, timeline],
  )
}

/** Moves the rows of generation 0, as member 1. */
async function move(): Promise<void> {
  const client = await connect()
  const runner = { on: (use: (connection: pg.Client) => unknown) => use(client) }
  await moveRows(runner as unknown as StatementRunner, '1', '0')
}

async function facts(): Promise<unknown> {
  const { rows } = await database.query<{ facts: unknown }>(`
SELECT json_build_object(
  'current', (SELECT generation FROM lockpool.floor),
  'members', (SELECT json_agg(generation || ' ' || epoch ORDER BY id) FROM lockpool.member),
  'rows', (SELECT json_agg(generation || ' ' || key ORDER BY key) FROM lockpool.lease)
) AS facts`)
  return rows[0]!.facts
}

/** Resolves when a statement waits for a lock of another transaction. */
async function isBlocked(): Promise<void> {
  const look = async (): Promise<number | null> =>
    (
      await database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
    ).rowCount
  await expect.poll(look, { timeout: 5000 }).toBe(1)
}

const UNMOVED = { current: 0, members: ['0 0', '0 0'], rows: ['0 1', '0 2'] }

async function twoMembers(): Promise<void> {
  await join(1)
  await join(2)
  await database.query('INSERT INTO lockpool.lease (key, owner, token) VALUES (1, 1, 1024), (2, NULL, 2048)')
}

test('rows in use move, others are removed, and new rows begin above their tokens', async () => {
  await database.query('UPDATE lockpool.floor SET floor = 5')
  await twoMembers()
  await move()
  expect(await facts()).toEqual({ current: 1, members: ['1 1', '1 1'], rows: ['1 1'] })
  const { rows } = await database.query<{ floor: string }>(
    'SELECT floor FROM lockpool.floor UNION SELECT floor FROM lockpool.member',
  )
  expect(rows).toEqual([{ floor: '2048' }])
})

test('a second member that wants the same move changes nothing', async () => {
  await twoMembers()
  await move()
  await move()
  expect(await facts()).toEqual({ current: 1, members: ['1 1', '1 1'], rows: ['1 1'] })
})

test('the move waits for a statement that has passed the gate, and gives up soon', async () => {
  await twoMembers()
  const batch = await connect()
  await batch.query('BEGIN; SELECT FROM lockpool.member WHERE id = 2 FOR KEY SHARE')
  await expect(move()).rejects.toMatchObject({ code: '55P03' })
  expect(await facts()).toEqual(UNMOVED)
  await batch.query('COMMIT')
})

test.each([
  ['is dead', 'UPDATE lockpool.member SET dead = true WHERE id = 1'],
  ['has joined on another timeline', `UPDATE lockpool.member SET timeline = '0000000F' WHERE id = 1`],
])('a member that %s moves nothing', async (_what, change) => {
  await twoMembers()
  await database.query(change)
  await move()
  expect(await facts()).toEqual(UNMOVED)
})

test('a member that joins during a move has the new generation', async () => {
  await join(1)
  const moving = await connect()
  await moving.query('BEGIN; UPDATE lockpool.floor SET generation = 1, floor = floor + 1')
  const joined = (await connect()).query(JOIN, ['7', 1000, '', 'new', null])
  await isBlocked()
  await moving.query('COMMIT')
  await joined
  const { rows } = await database.query('SELECT generation FROM lockpool.member WHERE id = 7')
  expect(rows).toEqual([{ generation: '1' }])
})

test('a dead member whose rows move during its cleanup stays until the next cleanup', async () => {
  await twoMembers()
  await database.query(
    `UPDATE lockpool.lease SET owner = 2; UPDATE lockpool.member SET dead = true WHERE id = 2`,
  )
  const moving = await connect()
  await moving.query(`
BEGIN;
UPDATE lockpool.floor SET generation = 1;
WITH moved AS (DELETE FROM lockpool.lease RETURNING key, owner, token)
INSERT INTO lockpool.lease (generation, key, owner, token) SELECT 1, key, owner, token FROM moved`)
  const cleaner = await connect()
  const swept = cleaner.query(SWEEP, ['2', ['2'], '-2'])
  await isBlocked()
  await moving.query('COMMIT')
  await swept
  expect((await cleaner.query(REMOVE_DEAD, ['2', '-2'])).rowCount).toBe(0)
  await cleaner.query(SWEEP, ['2', ['2'], '-2'])
  expect((await cleaner.query(REMOVE_DEAD, ['2', '-2'])).rowCount).toBe(1)
  const { rows } = await database.query('SELECT FROM lockpool.lease WHERE owner IS NOT NULL')
  expect(rows).toEqual([])
})

test('unused rows are removed until few are left, however few at once', async () => {
  await database.query(
    `INSERT INTO lockpool.lease (key, token) SELECT key, 1024 FROM generate_series(1, 7) AS key`,
  )
  const client = await connect()
  const rows = async ({ text }: Prepared, values: unknown[]): Promise<object[]> =>
    (await client.query<object>(text, values)).rows
  const runner = { isOver: false, rows, rowsAtLast: rows } as unknown as StatementRunner
  await tidyRows(runner, { kept: 1, atOnce: 2 })
  expect((await client.query('SELECT FROM lockpool.lease')).rowCount).toBeLessThanOrEqual(1)
})

/** Locks a few keys again and again until `isOver`. Returns the largest generation. */
async function lockUntil(isOver: (generation: number) => boolean): Promise<number> {
  const locks = await new LockPool({ connection: database.url, backend: 'table', max: 3 }).ready()
  let generation = 0
  const work = async (name: string): Promise<void> => {
    while (!isOver(generation)) await locks.withLock(name, () => undefined)
  }
  const looking = setInterval(() => {
    void database
      .query<{ generation: string }>('SELECT generation FROM lockpool.floor')
      .then(({ rows }) => (generation = Number(rows[0]!.generation)))
  }, 50)
  await Promise.all(Array.from({ length: 20 }, (_, i) => work(`hot ${i}`)))
  clearInterval(looking)
  await locks.close()
  return generation
}

test('with a snapshot open, rows move when the server has kept many old versions of them', async () => {
  const report = await connect()
  await report.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
  expect(await lockUntil((generation) => generation >= 2)).toBeGreaterThanOrEqual(2)
  await report.query('COMMIT')
})

test('without one they hardly ever do', async () => {
  const until = performance.now() + 4000
  // A server session may report updates a second before another one reports that it has removed their old versions.
  expect(await lockUntil(() => performance.now() > until)).toBeLessThanOrEqual(1)
})
