/**
 * CVE-2018-1058 is a class of attacks: a role that may create objects in a schema of a user's search path puts code
 * there under the names of the server's own functions, operators and types. Up to PostgreSQL 14 every role may do so in
 * `public`. In these tests, every object that lockpool's SQL names has such a shadow, and the server counts the calls.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { dashboardHandler } from '../../src/dashboard.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { lockIn, lockStatement, tryLockIn } from '../../src/index.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { rejection } from '../support/fake-world.js'
import {
  calledShadows,
  castShadows,
  connectSafely,
  countShadows,
  namesOfOurs,
  withPath,
} from '../support/shadows.js'

const APP = `app_${randomBytes(4).toString('hex')}`

let database: TestDatabase
let admin: pg.Client
let superuser: string

beforeAll(async () => {
  database = await createDatabase()
  admin = await connectSafely(database.url)
  const { rows } = await admin.query<{ me: string; name: string }>(
    'SELECT current_user AS me, current_database() AS name',
  )
  superuser = rows[0]!.me
  await admin.query(`
    ALTER DATABASE ${rows[0]!.name} SET track_functions = 'all';
    CREATE ROLE ${APP} LOGIN PASSWORD 'app';
    GRANT CREATE ON DATABASE ${rows[0]!.name} TO ${APP};
    GRANT ALL ON SCHEMA public TO ${APP};
    CREATE TABLE public.orders (id int PRIMARY KEY, name varchar NOT NULL, kind text);
    INSERT INTO public.orders VALUES (1, 'one', 'a'), (2, 'two', 'b');
    GRANT ALL ON public.orders TO ${APP};
    CREATE SCHEMA "${superuser}"; CREATE SCHEMA ${APP} AUTHORIZATION ${APP}`)
  await castShadows(admin, 'public', 'domains')
  await castShadows(admin, `"${superuser}"`, 'casts')
  await castShadows(admin, APP, 'casts')
}, 120_000)

const pools: LockPool[] = []

function pool(options: LockPoolOptions): LockPool {
  const made = new LockPool({ min: 0, acquireTimeoutMs: 100_000, ...options })
  pools.push(made)
  return made
}

const closeAll = (): Promise<unknown> =>
  Promise.all(pools.splice(0).map((each) => each.close({ graceMs: 0 })))

afterEach(async () => {
  await closeAll()
  await admin.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  await admin.query('SELECT pg_stat_reset()')
})

afterAll(async () => {
  await admin.end()
  await database.drop()
  const root = new pg.Client(database.url.replace(/\/[^/]*$/, '/postgres'))
  await root.connect()
  await root.query(`DROP ROLE ${APP}`)
  await root.end()
})

/**
 * Waits until all other sessions have ended, because only then the server has counted all their calls. Returns the
 * called shadows.
 */
async function called(): Promise<string[]> {
  const others = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
  await expect.poll(async () => (await admin.query(others)).rowCount, { timeout: 30_000 }).toBe(0)
  return calledShadows(admin)
}

test('everything that our SQL names has a shadow, and one that is found is counted', async () => {
  const [operators, types] = [await namesOfOurs('operator'), await namesOfOurs('type')]
  for (const schema of ['public', `"${superuser}"`, APP]) {
    const made = await countShadows(admin, schema)
    expect(made).toMatchObject({ operators: operators.length, types: types.length })
    expect(made['functions']).toBeGreaterThan(40)
    expect(made['aggregates']).toBeGreaterThan(5)
    expect(made['relations']).toBeGreaterThan(10)
  }
  const victim = new pg.Client(withPath(database.url, 'public, pg_catalog'))
  await victim.connect()
  await victim.query(`SELECT count(*), max(version() || 'b'), 1::int8 FROM pg_locks`)
  await victim.end()
  expect(await called()).toEqual(
    expect.arrayContaining(
      ['aggregate', 'function', 'operator', 'relation', 'type'].map((kind) => `public.called_${kind}`),
    ),
  )
})

test('names of keys are not read from a table that another owner has put in place', async () => {
  await admin.query(`
    CREATE SCHEMA lockpool;
    CREATE VIEW lockpool.key_name AS
      SELECT ''::text AS key, ''::text AS name, ''::text AS namespace, 0::int8 AS shapes, now() AS seen
      WHERE public.called_relation()`)
  await admin.query('SELECT pg_stat_reset()')

  const started = lockpool(['ls', '--json'], { url: database.url })

  expect({ code: await started.ended, err: started.err }).toEqual({ code: 0, err: '' })
  expect(await called()).toEqual([])
})

/** Search paths that may be in force on a user's server. Two of them search the server's own schema last. */
const PATHS = ['"$user", public', '"$user", public, pg_catalog', 'public, pg_catalog']

describe.each(['superuser', 'application'] as const)('as %s', (who) => {
  const urlWith = (path: string): string => {
    const url = new URL(withPath(database.url, path))
    if (who === 'application') [url.username, url.password] = [APP, 'app']
    return url.href
  }

  test.each([PATHS[0]!, PATHS[2]!])(
    'with %s the commands use no shadow',
    { timeout: 120_000 },
    async (path) => {
      const url = urlWith(path)
      const locks = pool({ connection: url })
      const said = async (...args: string[]): Promise<string> => {
        const started = lockpool(args, { url })
        const code = await started.ended
        expect({ code, err: started.err }, args.join(' ')).toMatchObject({ code: 0 })
        return started.out.toString()
      }
      await said('install')
      const lock = await locks.acquire('orders')
      const waiter = locks.acquire('orders').then((held) => held.release())

      // The pool records the names of its keys once a second.
      await expect.poll(() => said('ls'), { timeout: 30_000 }).toContain('orders')
      await said('ls', '--json')
      await said('who', 'orders')
      await said('top', '--once')
      await said('doctor')
      await said('bench', '--time', '100ms', '--callers', '2')
      await lock.release()
      await waiter
      const held = await locks.acquire('broken')
      expect(await said('break', 'broken', '--yes')).toContain('has ended')
      await expect.poll(() => held.state).toBe('lost')
      await closeAll()
      // The demo takes seconds, and does the same for every role, so it runs once.
      if (path !== PATHS[0] && who === 'application')
        await said('demo', '--tasks', '4', '--processes', '2', '--seconds', '2')
      await said('uninstall', '--yes')

      expect(await called()).toEqual([])
    },
  )

  test.each(PATHS)('with %s the library uses no shadow', { timeout: 120_000 }, async (path) => {
    const url = urlWith(path)
    const connection = url
    for (const strict of [false, true]) {
      const [a, b] = [pool({ connection, strict }), pool({ connection, strict })]
      await everyWayToLock(a, b)
      await transactions(a, b)
    }
    await borrowing(pool({ connection, max: 2 }))
    await checked(url)
    const campaign = pool({ connection }).campaign('lead', { name: 'me' })
    await expect.poll(() => campaign.state, { timeout: 30_000 }).toBe('leading')
    await campaign.leader()
    await campaign.resign()
    await dashboards(pool({ connection }))
    await ownConnections(url, pool({ connection }))
    await closeAll()

    expect(await called()).toEqual([])
  })
})

/** Runs batches of each kind, wake-ups, registrations, intents, permits and tokens, alone and against another process. */
async function everyWayToLock(a: LockPool, b: LockPool): Promise<void> {
  for (const key of ['name', 7n, [1, 2]] as const) {
    const held = await a.acquire(key)
    expect(await b.tryAcquire(key)).toBeNull()
    const waiting = b.acquire(key)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await held.release()
    await (await waiting).release()
    const readers = await Promise.all([a, b].map((each) => each.acquire(key, { mode: 'shared' })))
    const writer = a.acquire(key)
    await Promise.all(readers.map((reader) => reader.release()))
    await (await writer).release()
  }
  await (await a.acquireAll(['x', 'y', 3n])).release()
  const [mine, theirs] = [a.semaphore('s', 1), b.semaphore('s', 1)]
  const permit = await mine.acquire()
  const next = theirs.acquire()
  await new Promise((resolve) => setTimeout(resolve, 100))
  await permit.release()
  await (await next).release()
}

async function transactions(a: LockPool, b: LockPool): Promise<void> {
  const lock = await a.acquire('guarded')
  const reader = await a.acquire('read', { mode: 'shared' })
  await a.transaction(async (tx) => {
    await lock.guard(tx)
    await reader.guard(tx)
    await tx.lock('in transaction')
    await tx.tryLock([3, 4], { mode: 'shared' })
    await tx.lockTable('orders', 'row share')
    const names = ['one', 'two']
    expect(await tx.lockRows('public.orders', { id: 1, name: 'one', kind: 'a' })).toHaveLength(1)
    expect(await tx.lockRows('orders', { name: names }, { strength: 'share' })).toHaveLength(2)
    await b.transaction(async (other) => {
      const late = await rejection(other.lock('in transaction', { timeoutMs: 50 }))
      expect(late).toMatchObject({ code: 'LOCK_TIMEOUT', holder: expect.stringContaining('pid') })
      await rejection(other.lock('in transaction', { timeoutMs: 0 }))
    })
  })
  await Promise.all([lock.release(), reader.release()])
}

/** Leaves every kind of session state that a borrower can leave. */
async function borrowing({ connections }: LockPool): Promise<void> {
  for (const dirt of [
    'SELECT pg_catalog.pg_advisory_lock(1)',
    'LISTEN something',
    `SET work_mem = '7MB'`,
    'CREATE TEMP TABLE t (id bigint)',
    'PREPARE p AS SELECT 1',
    'BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT',
    'BEGIN',
  ]) {
    await connections.use((connection) => connection.query(dirt))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await connections.query('SELECT 1')
}

/** Runs the check that a pool makes on a connection that was idle for a while. */
async function checked(url: string): Promise<void> {
  const factory = new PostgresFactory(clientConfig(readConnection(url).settings, 'lockpool test'))
  const connection = await factory.open(new AbortController().signal)
  await factory.check(connection)
  await factory.close(connection)
}

async function dashboards(locks: LockPool): Promise<void> {
  const lock = await locks.acquire('shown')
  const handler = dashboardHandler(locks)
  const response = await handler(new Request('http://localhost/api/state'))
  expect(await response.json()).toMatchObject({ unavailable: null, locks: [{ title: 'shown' }] })
  handler.close()
  await lock.release()
}

/** Runs lockpool's statements in a transaction of the caller. */
async function ownConnections(url: string, locks: LockPool): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('BEGIN')
  await lockIn(client, 'mine', { namespace: '' })
  await tryLockIn(client, [5, 6], { mode: 'shared', namespace: '' })
  await client.query(lockStatement('by text', { try: true, namespace: '' }).sql)
  await locks.lockIn(client, 'of the pool', { timeoutMs: 5000 })
  await locks.lockIn(client, [7, 8], { mode: 'shared' })
  await locks.tryLockIn(client, 9n)
  await client.query('COMMIT')
  await client.end()
}
