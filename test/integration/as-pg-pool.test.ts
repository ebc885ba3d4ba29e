import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import Cursor from 'pg-cursor'
import { expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { startServer } from '../support/own-server.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

interface Tables {
  thing: { name: string }
}

test('Kysely selects, inserts and rolls back on it, with more callers than connections', async () => {
  const locks = world.pool({ max: 3 })
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: locks.connections }),
  })
  await db.schema.createTable('thing').addColumn('name', 'text').execute()

  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      db
        .insertInto('thing')
        .values({ name: `${i}` })
        .execute(),
    ),
  )
  const failed = db.transaction().execute(async (transaction) => {
    await transaction.insertInto('thing').values({ name: 'never' }).execute()
    throw new Error('changed my mind')
  })

  expect(await rejection(failed)).toMatchObject({ message: 'changed my mind' })
  expect(await db.selectFrom('thing').selectAll().execute()).toHaveLength(20)
  const lock = await locks.acquire('key')
  await db.destroy()
  expect(lock.signal.aborted, 'the locks of the program go on').toBe(false)
  await lock.release()
})

test('Kysely streams with a cursor, while others query', async () => {
  const { connections } = world.pool({ max: 3 })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: connections, cursor: Cursor }) })
  await db.schema.createTable('streamed').addColumn('n', 'integer').execute()
  await world.database.query('INSERT INTO streamed SELECT generate_series(1, 250)')

  const seen: unknown[] = []
  for await (const row of db
    .selectFrom('streamed' as 'thing')
    .selectAll()
    .stream(100)) {
    seen.push(row)
    if (seen.length === 150)
      await db
        .selectFrom('streamed' as 'thing')
        .selectAll()
        .execute()
  }

  expect(seen).toHaveLength(250)
  expect(connections.counts()).toMatchObject({ closed: 0, leased: 0 })
})

test('a transaction of Drizzle stays on one connection, and is undone as a whole', async () => {
  const { connections } = world.pool({ max: 3 })
  const db = drizzle({ client: connections })
  await db.execute(sql`CREATE TABLE drizzled (n int)`)
  const pid = async (tx: Pick<typeof db, 'execute'>): Promise<unknown> =>
    (await tx.execute(sql`SELECT pg_backend_pid() AS pid`)).rows[0]!['pid']

  const failed = db.transaction(async (tx) => {
    await tx.execute(sql`INSERT INTO drizzled VALUES (1)`)
    const inside = await pid(tx)
    expect(await pid(db), 'others go elsewhere').not.toBe(inside)
    expect(await pid(tx)).toBe(inside)
    throw new Error('changed my mind')
  })

  expect(await rejection(failed)).toMatchObject({ message: 'changed my mind' })
  expect((await db.execute(sql`SELECT * FROM drizzled`)).rows).toEqual([])
})

test('callbacks are answered, for queries, connections and the end', async () => {
  const { connections } = world.pool({ max: 2 })
  const answer = await new Promise((resolve, reject) => {
    connections.connect((error, client, release) => {
      if (error !== undefined) return reject(error)
      client!.query<{ sum: number }>('SELECT $1::int + 1 AS sum', [41], (_, result) => {
        release()
        resolve(result!.rows)
      })
    })
  })
  const failure = await new Promise((resolve) => connections.query('SELECT 1/0', (error) => resolve(error)))
  const end = await new Promise((resolve) => connections.end((error) => resolve(error)))

  expect(answer).toEqual([{ sum: 42 }])
  expect(failure).toMatchObject({ code: '22012' })
  expect(end).toBeUndefined()
  expect(connections.ended).toBe(true)
  expect(await rejection(connections.query('SELECT 1'))).toMatchObject({ code: 'POOL_CLOSED' })
})

test('connections are reported as pg.Pool reports its clients', async () => {
  const { connections } = world.pool({ max: 2 })
  const events: string[] = []
  connections.on('connect', (client) => events.push(`connect ${client.processID > 0}`))
  connections.on('acquire', () => events.push('acquire'))
  connections.on('release', (error) => events.push(`release ${error}`))

  await connections.query('SELECT 1')
  await connections.query('SELECT 1')

  expect(events).toEqual(['connect true', 'acquire', 'release undefined', 'acquire', 'release undefined'])
})

test('a statement that fails does not cost its connection', async () => {
  const { connections } = world.pool({ max: 2 })
  await connections.query('SELECT 1')

  await rejection(connections.query('SELECT 1/0'))

  await expect
    .poll(() => connections.counts(), { timeout: 5000 })
    .toMatchObject({ opened: 1, closed: 0, idle: 1 })
})

test('a backend that dies is an event for its borrower and for the pool, and the next query works', async () => {
  const { connections } = world.pool({ max: 2 })
  const events: string[] = []
  connections.on('error', () => events.push('pool'))
  const client = await connections.connect()
  client.on('error', () => events.push('client'))

  await world.terminate(client.processID)

  // The driver emits one error for the server's last message, and another one for the closed socket.
  await expect.poll(() => new Set(events), { timeout: 5000 }).toEqual(new Set(['client', 'pool']))
  client.release()
  expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('an outage is reported at once with its cause, costs few attempts, and is over when the server is back', async () => {
  const server = await startServer()
  const locks = new LockPool({ connection: server.url, max: 10 })
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: locks.connections }),
  })
  const other = drizzle({ client: locks.connections })
  let asked = 0
  const ask = (): Promise<unknown> =>
    asked++ % 2 === 0
      ? db.selectNoFrom((e) => e.val(1).as('one')).execute()
      : other.execute(sql`SELECT 1 AS one`).catch((error: Error) => {
          // Drizzle's error names the query, and has the server's error as its cause.
          throw error.cause
        })
  try {
    await Promise.all(Array.from({ length: 100 }, ask))
    process.kill(server.processId, 'SIGKILL')
    await expect
      .poll(() => rejection(ask()).catch(() => null), { timeout: 5000 })
      .toMatchObject({ code: 'CONNECTION_FAILED' })
    const { failed } = locks.connections.counts()
    const until = performance.now() + 2000
    while (performance.now() < until) {
      const errors = await Promise.all(Array.from({ length: 20 }, () => rejection(ask())))
      for (const error of errors) expect(error).toMatchObject({ code: 'CONNECTION_FAILED' })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(locks.connections.counts().failed - failed).toBeLessThanOrEqual(5)
    await server.restart()
    await expect.poll(() => ask().then(() => 'back', String), { timeout: 2000 }).toBe('back')
    await Promise.all(Array.from({ length: 100 }, ask))
  } finally {
    await locks.close({ graceMs: 0 })
    await server.stop()
  }
})

test('the error of a statement says which part of the program sent it', async () => {
  const { connections } = world.pool({ max: 3 })
  const client = await connections.connect()
  const failing = async (): Promise<unknown> => await client.query('SELECT 1/0')
  const asking = async (): Promise<unknown> => await connections.query('SELECT 1/0')

  const errors = [await rejection(failing()), await rejection(asking())]

  expect(errors[0]!.stack).toMatch(/failing .*as-pg-pool\.test\.ts/)
  expect(errors[1]!.stack).toMatch(/asking .*as-pg-pool\.test\.ts/)
  client.release()
})
