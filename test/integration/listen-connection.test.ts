import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js'

const world = lockWorld()
let other: TestDatabase
beforeAll(async () => {
  other = await createDatabase()
})
afterAll(() => other.drop())

/** Lets the pool wait twice for a lock that another pool holds, and returns its warnings. */
async function warningsOf(locks: LockPool): Promise<string[]> {
  const holder = world.pool({ backend: 'table', namespace: 'listening' })
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  for (let i = 0; i < 2; i++) {
    const lock = await holder.acquire('orders')
    const waiting = locks.acquire('orders')
    await expect.poll(() => locks.snapshot().listener, { timeout: 20_000 }).toBe('listening')
    await lock.release()
    await (await waiting).release()
  }
  return warnings
}

function poolWith(connection: string, listenConnection: string): LockPool {
  return world.pool({ backend: 'table', namespace: 'listening', connection, listenConnection })
}

test('an address for notifications that leads to the same database is used without a warning', async () => {
  const locks = poolWith(world.database.url, world.database.url)
  expect(await warningsOf(locks)).toEqual([])
})

test('one that leads to another database is reported once, and waiters get the lock by polling', async () => {
  const locks = poolWith(world.database.url, other.url)
  expect(await warningsOf(locks)).toEqual([
    '"listenConnection" leads to another database or server, where the notifications of this one do not arrive: waiting callers poll',
  ])
})

test.skipIf(!hasPgBouncer)('so is one that leads through a pooler in transaction mode', async () => {
  await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'transaction' })
  const locks = poolWith(bouncer.url, bouncer.url)
  expect(await warningsOf(locks)).toEqual([
    '"listenConnection" receives no notifications, as behind a pooler that shares sessions: waiting callers poll',
  ])
  await locks.close()
})

test.skipIf(!hasPgBouncer)('one that leads through a pooler in session mode is used', async () => {
  await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
  const locks = poolWith(world.database.url, bouncer.url)
  expect(await warningsOf(locks)).toEqual([])
  await locks.close()
})
