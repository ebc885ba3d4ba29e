import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { lockIn, tryLockIn } from '../../src/dialect/postgres/transaction/lock-in-without-pool.js'
import { ServerConnection } from '../../src/dialect/postgres/connection/server-connection.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/**
 * A program may set its own parsers for values and request other formats. No statement of lockpool may use such a
 * parser. In these tests all of them throw.
 */

const world = lockWorld()

const thrower = (): never => {
  throw new Error("a statement of lockpool's was read by the program's parser")
}

const UNREADABLE = { types: { getTypeParser: () => thrower } }

/**
 * Makes the parsers of all types throw, in both formats, for all clients of this process. Returns a function that
 * undoes this.
 */
function readNothing(): () => void {
  const get = pg.types.getTypeParser as (oid: number, format: string) => unknown
  const before = Object.values(pg.types.builtins).flatMap((oid) =>
    ['text', 'binary'].map((format) => [oid as number, format, get(oid, format)] as const),
  )
  const set = pg.types.setTypeParser as (oid: number, format: string, parser: unknown) => void
  for (const [oid, format] of before) set(oid, format, thrower)
  return () => {
    for (const [oid, format, parser] of before) set(oid, format, parser)
  }
}

function withDefaults(defaults: Record<string, unknown>): () => void {
  const all = pg.defaults as unknown as Record<string, unknown>
  const before = Object.keys(defaults).map((name) => [name, all[name]] as const)
  Object.assign(all, defaults)
  return () => {
    for (const [name, value] of before) all[name] = value
  }
}

interface Hostility {
  readonly what: string
  readonly config?: object
  readonly global?: () => () => void
}

const HOSTILITIES: readonly Hostility[] = [
  { what: 'types that throw', config: UNREADABLE },
  { what: 'types that throw, and binary', config: { ...UNREADABLE, binary: true } },
  { what: 'binary', config: { binary: true } },
  { what: 'values as they come', config: { types: { getTypeParser: () => (value: unknown) => value } } },
  { what: 'parsers of all clients that throw', global: readNothing },
  { what: 'binary for all clients', global: () => withDefaults({ binary: true }) },
  {
    what: 'other defaults for all clients',
    global: () =>
      withDefaults({
        parseInputDatesAsUTC: true,
        query_timeout: 1,
        statement_timeout: 5000,
        lock_timeout: 5000,
        idle_in_transaction_session_timeout: 5000,
        client_encoding: 'LATIN1',
        rows: 1,
        rowMode: 'array',
        options: '-c extra_float_digits=-15 -c bytea_output=escape -c array_nulls=off',
      }),
  },
  {
    what: 'numbers for bigints, for all clients',
    global: () => {
      pg.defaults.parseInt8 = true
      return () => (pg.defaults.parseInt8 = false)
    },
  },
]

let restore = (): void => undefined

afterEach(() => {
  restore()
  restore = () => undefined
})

/** Calls everything that reads answers of the server, one after the other, and checks each result. */
async function tryEverything(a: LockPool, b: LockPool, config: object): Promise<void> {
  const one = await a.acquire('one')
  const tokens = [one.token]
  for (let i = 0; i < 20; i++) {
    const group = await a.acquireAll(['two', 'three', [1, 2]])
    tokens.push(group.locks[0]!.token)
    await group.release()
  }
  expect(tokens).toEqual(tokens.toSorted((x, y) => (x < y ? -1 : 1)))
  expect(new Set(tokens).size).toBe(tokens.length)

  expect(await b.tryAcquire('one')).toBeNull()
  const readers = await Promise.all([
    a.acquire('read', { mode: 'shared' }),
    b.acquire('read', { mode: 'shared' }),
  ])
  expect(await rejection(b.acquire('one', { timeoutMs: 100 }))).toMatchObject({ code: 'LOCK_TIMEOUT' })
  const waiting = b.acquire('one')
  await a.transaction((tx) => one.guard(tx))
  await one.release()
  const next = await waiting
  expect(next.token).toBeGreaterThan(one.token)
  await b.transaction((tx) => next.guard(tx, 'one'))
  await Promise.all([...readers, next].map((lock) => lock.release()))

  const permits = await Promise.all([a, b].map((locks) => locks.semaphore('pool', 2).acquire()))
  expect(await a.semaphore('pool', 2).tryAcquire()).toBeNull()
  const odd = await a.semaphore('odd', 2).acquire()
  expect(await rejection(b.semaphore('odd', 3).acquire())).toMatchObject({ code: 'INVALID_OPTION' })
  await odd.release()
  await Promise.all(permits.map((permit) => permit.release()))

  await tryTransactions(a, b)
  await tryOwnClient(a, config)
  await tryLooks(a, b)
  await tryCleaning(a)
}

async function tryTransactions(a: LockPool, b: LockPool): Promise<void> {
  await a.transaction(async (tx) => {
    await tx.lock('tx')
    expect(await tx.tryLock('tx')).toBe(true)
    await b.transaction(async (other) => {
      expect(await other.tryLock('tx')).toBe(false)
      expect(await rejection(other.lock('tx', { timeoutMs: 0 }))).toMatchObject({
        holder: expect.stringMatching(/pid \d+/),
      })
      expect(await rejection(other.lock('tx', { timeoutMs: 50 }))).toMatchObject({ code: 'LOCK_TIMEOUT' })
    })
    await tx.lockTable('lockpool.guard', 'access share')
  })
}

/**
 * Uses a client that belongs to the program. Of its answers, lockpool may read only errors, the number of rows and the
 * transaction status.
 */
async function tryOwnClient(locks: LockPool, config: object): Promise<void> {
  const client = new pg.Client({ connectionString: world.database.url, query_timeout: 60_000, ...config })
  await client.connect()
  try {
    const lock = await locks.acquire('guarded')
    await client.query('BEGIN')
    await lock.guard(client, 'guarded by client')
    await locks.lockIn(client, 'in')
    await lockIn(client, 'in', { namespace: '' })
    expect(await locks.tryLockIn(client, 'in too')).toBe(true)
    expect(await tryLockIn(client, 'in too', { namespace: '' })).toBe(true)
    expect(await tryLockIn(client, 'guarded', { mode: 'shared', namespace: '' })).toBe(false)
    await client.query('COMMIT')
    await lock.release()
    const shared = await locks.acquire('guarded', { mode: 'shared' })
    await client.query('BEGIN')
    await shared.guard(client, 'guarded by client')
    await client.query('ROLLBACK')
    await shared.release()
  } finally {
    await client.end()
  }
}

async function tryLooks(locks: LockPool, other: LockPool): Promise<void> {
  const lock = await locks.acquire('seen')
  const permit = await locks.semaphore('seen too', 7).acquire()
  // The other pool can know these names only from the server.
  const namesSeen = async (): Promise<(string | undefined)[]> => {
    const seen = await other.inspectAll()
    expect(seen.server.at).toBeInstanceOf(Date)
    return seen.locks.map(({ name }) => name?.name)
  }
  await expect.poll(namesSeen, { timeout: 10_000 }).toEqual(expect.arrayContaining(['seen', 'seen too']))
  await permit.release()
  const campaign = locks.campaign('leadership', { name: 'me' })
  await expect
    .poll(() => locks.leader('leadership'), { timeout: 10_000 })
    .toMatchObject({
      name: 'me',
      token: expect.any(BigInt),
      since: expect.any(Date),
    })
  await campaign.resign()
  await lock.release()
}

/** lockpool finds by name what a borrower has left, and resets it. */
async function tryCleaning(locks: LockPool): Promise<void> {
  const found: string[] = []
  locks.connections.on('connection:cleaned', (event) => found.push(...event.found))
  await locks.connections.use(async (client) => {
    await client.query(
      `SET work_mem = '8MB'; LISTEN "a,b"; CREATE TEMP TABLE "x y" (); PREPARE "say ""no""" AS VALUES (1)`,
    )
    await client.query('DO $$ BEGIN PERFORM pg_advisory_lock(77); END $$')
  })
  await expect.poll(() => found.join('; '), { timeout: 5000 }).toContain('x y')
  expect(found.join('; ')).toMatch(/work_mem/)
  expect(found.join('; ')).toMatch(/77 exclusive/)
  expect(found.join('; ')).toMatch(/a,b/)
  expect(found.join('; ')).toMatch(/say "no"/)
}

test.each(HOSTILITIES)('$what: everything works as without', async ({ config = {}, global }) => {
  // With the table of key names, lockpool also writes and reads names.
  const installed = world.pool()
  await installed.ready()
  await installed.close()
  await world.database.query(`CREATE TABLE IF NOT EXISTS lockpool.key_name (
    key text PRIMARY KEY, name text NOT NULL, namespace text NOT NULL, shapes bigint, seen timestamptz NOT NULL)`)
  await world.database.query('TRUNCATE lockpool.key_name')
  if (global !== undefined) restore = global()
  const connection = { connectionString: world.database.url, ...config }
  const warnings: string[] = []
  const [a, b] = [0, 1].map(() => {
    const locks = world.pool({ connection, leaseMs: 1000, max: 4, acquireTimeoutMs: 20_000 })
    locks.on('warning', ({ message, error }) => warnings.push(`${message} ${String(error)}`))
    locks.on('session:lost', ({ reason }) => warnings.push(`lost: ${reason}`))
    return locks
  }) as [LockPool, LockPool]

  await tryEverything(a, b, config)
  await Promise.all([a.close(), b.close()])

  restore()
  expect(warnings).toEqual([])
})

describe('types that the program has configured are parsed as configured', () => {
  const upper = { getTypeParser: () => (text: string) => `<${text}>` }

  test('rows of query, tx.query and tx.lockRows use the parsers of setTypeParser and of the query', async () => {
    await world.database.query('CREATE TABLE account (id int PRIMARY KEY, owner text)')
    await world.database.query(`INSERT INTO account VALUES (1, 'ann')`)
    const locks = world.pool({ connection: { connectionString: world.database.url, types: upper } })
    const theirs = [{ id: '<1>', owner: '<ann>' }]

    expect((await locks.connections.query('TABLE account')).rows).toEqual(theirs)
    await locks.transaction(async (tx) => {
      expect((await tx.query('TABLE account')).rows).toEqual(theirs)
      expect(await tx.lockRows('account', { id: 1 })).toEqual(theirs)
    })
    await locks.connections.use(async (client) => {
      client.setTypeParser(23, Number)
      expect((await client.query('TABLE account')).rows).toEqual([{ id: 1, owner: '<ann>' }])
      expect((await client.query({ text: 'TABLE account', types: pg.types })).rows).toEqual([
        { id: 1, owner: 'ann' },
      ])
    })
    await locks.close()
  })

  test('borrowers get binary results, and lockpool uses text', async () => {
    const locks = world.pool({ connection: { connectionString: world.database.url, binary: true } as object })
    const { rows, fields } = await locks.connections.query('SELECT $1::int8 AS n', ['5'])

    expect((fields[0] as unknown as { format: string }).format).toBe('binary')
    expect(String(rows[0]!['n'])).toBe('5')
    await (await locks.acquire('k')).release()
    await locks.close()
  })
})

test('arrays, JSON and numbers are parsed as PostgreSQL writes them, and all other values are text', async () => {
  const server = await ServerConnection.open(
    { connectionString: world.database.url },
    AbortSignal.timeout(10_000),
  )
  const odd = ['', 'NULL', 'null', 'a,b', '{x}', '"q"', '\\', ' ', 'é\n', 'a"b\\c']
  const { rows } = await server.query(
    `SELECT $1::text[] AS odd, '{}'::text[] AS none, '{1,NULL,-3}'::int4[] AS numbers, '{a}'::name[] AS names,
      true AS yes, false AS no, 9007199254740993 AS big, 1.5::float8 AS real, 7::oid AS oid, '{"a": [1]}'::jsonb AS json,
      'epoch'::timestamptz AT TIME ZONE 'UTC' AS moment, NULL AS nothing`,
    [odd],
  )
  expect(rows).toEqual([
    {
      ...{
        odd,
        none: [],
        numbers: [1, null, -3],
        names: ['a'],
        yes: true,
        no: false,
        big: '9007199254740993',
      },
      ...{ real: 1.5, oid: 7, json: { a: [1] }, moment: '1970-01-01 00:00:00', nothing: null },
    },
  ])
  await server.close()
})
