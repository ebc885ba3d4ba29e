import { eq } from 'drizzle-orm'
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { Kysely, MysqlDialect } from 'kysely'
import knex from 'knex'
import { describe, expect, test } from 'vitest'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

interface Orders {
  readonly id: number
  readonly state: string
}

const orders = mysqlTable('orders', { id: int('id').primaryKey(), state: varchar('state', { length: 20 }) })

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'query builders on the connections of a pool', () => {
  const world = mariaDbWorld()

  test('Drizzle runs queries and transactions alongside the locks', async () => {
    const pool = world.pool()
    await pool.connections.query('CREATE OR REPLACE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20))')
    // The declared type requires the class of mysql2. At run time, the connections have all methods that Drizzle calls.
    const db = drizzle({ client: pool.connections as never })

    await db.insert(orders).values([{ id: 1, state: 'new' }])
    await pool.withLock('order 1', async () => {
      await db.transaction(async (tx) => {
        await tx.update(orders).set({ state: 'paid' }).where(eq(orders.id, 1))
      })
    })
    await expect(
      db.transaction(async (tx) => {
        await tx.delete(orders)
        throw new Error('no')
      }),
    ).rejects.toThrow('no')

    expect(await db.select().from(orders)).toEqual([{ id: 1, state: 'paid' }])
  })

  test('Knex runs queries, transactions and streams, and its end ends no lock', async () => {
    const pool = world.pool()
    await pool.connections.query('CREATE OR REPLACE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20))')
    const lock = await pool.acquire('order 1')
    const db = knex({ client: 'mysql2', connectionPool: pool.connections })

    await db('orders').insert({ id: 1, state: 'new' })
    await db.transaction(async (tx) => {
      const row: unknown = await tx('orders').where({ id: 1 }).forUpdate().first()
      expect(row).toEqual({ id: 1, state: 'new' })
      await tx('orders').where({ id: 1 }).update({ state: 'paid' })
    })
    await expect(
      db.transaction(async (tx) => {
        await tx('orders').delete()
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    // A connection that Knex has checked in is reset before its next use.
    await db.raw('SET @left = 1')
    const [seen] = await db.raw<unknown[][]>('SELECT @left AS seen')
    expect(seen).toEqual([{ seen: null }])

    expect(await db('orders').select()).toEqual([{ id: 1, state: 'paid' }])
    const streamed: unknown[] = []
    for await (const row of db('orders').stream()) streamed.push(row)
    expect(streamed).toEqual([{ id: 1, state: 'paid' }])
    await db.destroy()
    expect(lock.state).toBe('held')
    await lock.release()
    // The lock session.
    expect(pool.connections.counts().leased).toBe(1)
  })

  test('Kysely runs queries and transactions, and its end ends no lock', async () => {
    const pool = world.pool()
    await pool.connections.query('CREATE OR REPLACE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20))')
    const lock = await pool.acquire('order 1')
    const db = new Kysely<{ orders: Orders }>({
      dialect: new MysqlDialect({ pool: pool.connections }),
    })

    await db.insertInto('orders').values({ id: 1, state: 'new' }).execute()
    await db.transaction().execute(async (tx) => {
      await tx.updateTable('orders').set({ state: 'paid' }).where('id', '=', 1).execute()
    })
    await expect(
      db.transaction().execute(async (tx) => {
        await tx.deleteFrom('orders').execute()
        throw new Error('no')
      }),
    ).rejects.toThrow('no')

    expect(await db.selectFrom('orders').selectAll().execute()).toEqual([{ id: 1, state: 'paid' }])
    const streamed: Orders[] = []
    for await (const row of db.selectFrom('orders').selectAll().stream()) streamed.push(row)
    expect(streamed).toEqual([{ id: 1, state: 'paid' }])
    await db.destroy()
    expect(lock.state).toBe('held')
    await lock.release()
  })
})
