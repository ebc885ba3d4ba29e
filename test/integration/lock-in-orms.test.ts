import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { DataSource } from 'typeorm'
import { expect, test } from 'vitest'
import type { LockPool } from '../../src/index.js'
import { lockWorld } from '../support/lock-world.js'
import { blocks, read } from '../support/repository.js'

const world = lockWorld()

/** Locks in a transaction of a library, and runs `body` in that transaction. `url` is the database. */
type InTransaction = (locks: LockPool, url: string, body: () => Promise<void>) => Promise<void>

const LIBRARIES: Readonly<Record<string, InTransaction>> = {
  Kysely: (locks, _, body) =>
    new Kysely({ dialect: new PostgresDialect({ pool: locks.connections }) })
      .transaction()
      .execute(async (trx) => {
        await sql.raw(locks.lockStatement('invoice 4711').sql).execute(trx)
        await body()
      }),

  Drizzle: (locks, _, body) =>
    drizzle({ client: locks.connections }).transaction(async (tx) => {
      await tx.execute(locks.lockStatement('invoice 4711').sql)
      await body()
    }),

  Knex: async (locks, url, body) => {
    const db = knex.knex({ client: 'pg', connection: url })
    await db.transaction(async (trx) => {
      await trx.raw(locks.lockStatement('invoice 4711').sql)
      await body()
    })
    await db.destroy()
  },

  TypeORM: async (locks, url, body) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    await source.transaction(async (manager) => {
      await manager.query(locks.lockStatement('invoice 4711').sql)
      await body()
    })
    await source.destroy()
  },
}

test.each(Object.entries(LIBRARIES))(
  'in a transaction of %s the key is locked until it ends',
  async (_, run) => {
    const locks = world.pool({ namespace: 'billing' })
    let inside: unknown

    await run(locks, world.database.url, async () => {
      inside = await locks.tryAcquire('invoice 4711')
    })

    expect(inside).toBeNull()
    expect((await locks.tryAcquire('invoice 4711'))?.state).toBe('held')
  },
)

test.each([
  ['a name', 'orders'],
  ['the smallest number', -(2n ** 63n)],
  ['a pair', [-(2 ** 31), 7]],
] as const)('the statement of %s is the same with its values and without', async (_, key) => {
  const locks = world.pool({ max: 3, namespace: 'billing' })
  const { connections } = locks
  const { text, values, sql: whole } = locks.lockStatement(key)
  const [one, other] = await Promise.all([connections.connect(), connections.connect()])
  await one.query('BEGIN')
  await one.query(text, values)

  const attempt = locks.lockStatement(key, { try: true })
  expect((await other.query(attempt.sql)).rows).toEqual([{ granted: false }])
  await one.query('COMMIT')
  await other.query('BEGIN')
  await other.query(whole)
  expect((await one.query(attempt.text, attempt.values)).rows).toEqual([{ granted: false }])

  await other.query('ROLLBACK')
  one.release()
  other.release()
})

test('the lines of the guide are those that are run here', () => {
  const here = read('test/integration/lock-in-orms.test.ts')
  const lines = blocks(read('docs/guides/lock-in-your-transaction.md'), 'ts')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.includes("locks.lockStatement('invoice 4711')"))
    .map((line) => line.trim())

  expect(lines).toHaveLength(Object.keys(LIBRARIES).length)
  expect(lines.filter((line) => !here.includes(line))).toEqual([])
})
