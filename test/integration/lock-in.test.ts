import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { Deferred } from '../../src/base/deferred.js'
import { lockIn, lockStatement, tryLockIn } from '../../src/index.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/** Locks in transactions on connections that the caller has opened. */
const world = lockWorld()

const clients: pg.Client[] = []
afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())))

/** Opens a connection with an open transaction. */
async function client(begin = 'BEGIN'): Promise<pg.Client> {
  const opened = new pg.Client({ connectionString: world.database.url, application_name: 'plain' })
  opened.on('error', () => undefined)
  await opened.connect()
  clients.push(opened)
  await opened.query(begin)
  return opened
}

const KEYS = ['orders', 42n, [7, 8]] as const

test.each([{ namespace: '' }, { namespace: 'billing' }])(
  'it is the key that acquire of the same pool locks (%o), for as long as the transaction',
  async ({ namespace }) => {
    const locks = world.pool({ namespace })
    const other = world.pool({ namespace: 'other' })
    const own = await client()
    const free = (pool: LockPool, key: (typeof KEYS)[number]): Promise<boolean> =>
      pool.tryAcquire(key).then(async (lock) => {
        await lock?.release()
        return lock !== null
      })

    const ways = [
      (key: (typeof KEYS)[number]) => locks.lockIn(own, key),
      (key: (typeof KEYS)[number]) => locks.lockIn(own, key, { timeoutMs: 1000 }),
      (key: (typeof KEYS)[number]) => locks.lockIn(own, key, { timeoutMs: 0 }),
      (key: (typeof KEYS)[number]) => locks.tryLockIn(own, key),
      (key: (typeof KEYS)[number]) => own.query(locks.lockStatement(key).sql),
      (key: (typeof KEYS)[number]) => {
        const { text, values } = locks.lockStatement(key, { try: true })
        return own.query(text, values)
      },
      (key: (typeof KEYS)[number]) => lockIn(own, key, { namespace }),
      (key: (typeof KEYS)[number]) => tryLockIn(own, key, { namespace }),
      (key: (typeof KEYS)[number]) => own.query(lockStatement(key, { namespace }).sql),
    ]
    for (const lock of ways) {
      for (const key of KEYS) {
        await lock(key)
        expect(await free(locks, key)).toBe(false)
        // Numeric keys are the same in every namespace, names are not.
        expect(await free(other, key)).toBe(typeof key === 'string')
      }
      await own.query('COMMIT')
      for (const key of KEYS) expect(await free(locks, key)).toBe(true)
      await own.query('BEGIN')
    }
  },
)

test('readers go together, and an attempt is answered', async () => {
  const locks = world.pool({ namespace: 'billing' })
  const [one, other] = [await client(), await client()]

  await locks.lockIn(one, 'orders', { mode: 'shared' })
  await locks.lockIn(other, 'orders', { mode: 'shared' })
  expect(await locks.tryLockIn(other, 'orders', { mode: 'shared' })).toBe(true)
  expect(await locks.tryLockIn(other, 'orders')).toBe(false)
  const { rows } = await other.query(locks.lockStatement('orders', { try: true }).sql)
  expect(rows).toEqual([{ granted: false }])
})

test("it waits no longer than its own option, the session's, or the pool's", async () => {
  const locks = world.pool({ acquireTimeoutMs: 70 })
  const held = await locks.acquire('orders', { timeoutMs: 20_000 })

  for (const [begin, options, shortest] of [
    ['BEGIN', { timeoutMs: 50 }, 45],
    [`BEGIN; SET LOCAL lock_timeout = '1h'`, { timeoutMs: 50 }, 45],
    ['BEGIN', {}, 65],
    [`BEGIN; SET LOCAL lock_timeout = 90`, {}, 85],
    ['BEGIN', { timeoutMs: 0 }, 0],
  ] as const) {
    const own = await client(begin)
    const error = await rejection(locks.lockIn(own, 'orders', options))
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'locking', key: 'lock "orders"' })
    expect(error['waitedMs']).toBeGreaterThanOrEqual(shortest)
    if (shortest > 0) expect(error['cause']).toMatchObject({ code: '55P03' })
    else expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  }

  const free = await client(`BEGIN; SET LOCAL lock_timeout = 90`)
  await locks.lockIn(free, 'invoices', { timeoutMs: 5000 })
  await locks.lockIn(free, 'bills', { timeoutMs: Infinity })
  expect((await free.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '90ms' }])
  const impatient = await client(`BEGIN; SET LOCAL lock_timeout = 60`)
  expect(await rejection(lockIn(impatient, 'orders', { namespace: '' }))).toMatchObject({
    code: 'LOCK_TIMEOUT',
  })
  await held.release()
})

test('a cycle is reported as a deadlock, and transaction may retry it', async () => {
  const locks = world.pool()
  const [one, other] = [await client(), await client()]
  await locks.lockIn(one, 'a')
  await locks.lockIn(other, 'b')

  const asks = [locks.lockIn(one, 'b'), lockIn(other, 'a', { namespace: '' })]
  // The caller that gets the error rolls back, so that the other continues.
  const settled = asks.map(async (each, i) => {
    const error = await each.then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error !== null) await [one, other][i]!.query('ROLLBACK')
    return error
  })
  const victims = (await Promise.all(settled)).filter((error) => error !== null)
  expect(victims).toMatchObject([{ code: 'LOCK_DEADLOCK', cycle: { length: 2 }, cause: { code: '40P01' } }])

  let runs = 0
  let locked = 0
  const bothHoldOne = new Deferred<void>()
  const crossed = [
    ['a', 'b'],
    ['b', 'a'],
  ].map(([first, second]) =>
    world.pool({ namespace: 'elsewhere' }).transaction(
      async (tx) => {
        runs++
        await locks.lockIn(tx, first!)
        if (++locked === 2) bothHoldOne.resolve()
        await bothHoldOne.promise
        await locks.lockIn(tx, second!)
      },
      { retries: 10 },
    ),
  )
  await one.query('ROLLBACK')
  await other.query('ROLLBACK')
  await Promise.all(crossed)
  expect(runs).toBeGreaterThan(2)
})

test('inside a body that holds the key it is refused at once, and so is a caller in its own transaction', async () => {
  const locks = world.pool({ acquireTimeoutMs: Infinity, max: 4 })
  const own = await client()

  await locks.withLock('k', async () => {
    expect(await rejection(locks.lockIn(own, 'k'))).toMatchObject({ code: 'LOCK_REENTRY', key: 'lock "k"' })
    expect(await locks.tryLockIn(own, 'k')).toBe(false)
    await locks.lockIn(own, 'j')
  })
  await locks.withLock('k', { mode: 'shared' }, async () => {
    await locks.lockIn(own, 'k', { mode: 'shared' })
    expect(await rejection(locks.lockIn(own, 'k'))).toMatchObject({ code: 'LOCK_REENTRY' })
  })
  await own.query('ROLLBACK')
  await locks.transaction(async (tx) => {
    await locks.lockIn(tx, 'k')
    expect(await rejection(locks.acquire('k'))).toMatchObject({ code: 'LOCK_REENTRY' })
    expect(await locks.tryLockIn(tx, 'k')).toBe(true)
  })
})

test('without an open transaction it is an error', async () => {
  const locks = world.pool()
  const own = await client('SELECT 1')

  for (const attempt of [
    () => locks.lockIn(own, 'orders'),
    () => locks.tryLockIn(own, 'orders'),
    () => locks.connections.use((lent) => locks.lockIn(lent, 'orders')),
    () => lockIn(own, 'orders', { namespace: '' }),
  ])
    expect(await rejection(attempt())).toMatchObject({ code: 'TRANSACTION_FAILED' })
  const pool = new pg.Pool({ connectionString: world.database.url })
  for (const attempt of [
    () => locks.lockIn(locks.connections, 'orders'),
    () => locks.tryLockIn(pool, 'orders'),
    () => lockIn(pool, 'orders', { namespace: '' }),
    () => locks.lockIn(null as never, 'orders'),
    () => locks.lockIn({} as never, 'orders'),
  ])
    expect(await rejection(attempt())).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('"client"'),
    })
  expect(pool.totalCount).toBe(0)
  await pool.end()
})

test('the namespace is that of the pool, or that of the option', async () => {
  const locks = world.pool({ namespace: 'billing' })
  const own = await client()
  const some = async (act: () => unknown): Promise<unknown> => act()

  for (const wrong of [
    () => lockIn(own, 'orders', undefined as never),
    () => lockIn(own, 'orders', {} as never),
    () => tryLockIn(own, 'orders', { mode: 'shared' } as never),
    () => lockStatement('orders', { wait: false } as never),
    () => lockStatement(42n, {} as never),
    () => lockIn(own, 'orders', { namespace: null } as never),
    () => lockIn(own, 'orders', { namespace: 7 } as never),
    () => lockIn(own, 'orders', { namespace: 'x'.repeat(201) }),
    () => locks.lockIn(own, 'orders', { namespace: 'billing' } as never),
    () => locks.tryLockIn(own, 'orders', { namespace: 'billing' } as never),
    () => locks.lockStatement('orders', { namespace: 'billing' } as never),
    () => locks.transaction((tx) => tx.lock('orders', { namespace: 'billing' } as never)),
  ])
    expect(await rejection(some(wrong))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('"namespace"'),
    })
})

test('other mistakes are refused before anything is sent', async () => {
  const locks = world.pool()
  const own = await client()
  const some = async (act: () => unknown): Promise<unknown> => act()

  for (const wrong of [
    () => locks.lockIn(own, ''),
    () => locks.lockIn(own, 'a', { mode: 'update' as never }),
    () => locks.lockIn(own, 'a', { timeoutMs: -1 }),
    () => locks.lockIn(own, 'a', { timeoutMs: 86_400_001 }),
    () => locks.tryLockIn(own, 'a', { timeoutMs: 1 } as never),
    () => locks.lockStatement('a', { try: 'yes' as never }),
    () => locks.lockStatement('a', { wait: false } as never),
    () => lockStatement('a', { namespace: '', wait: 0 as never }),
    () => lockIn(own, '', { namespace: '' }),
  ])
    expect(await rejection(some(wrong))).toMatchObject({ code: expect.stringMatching(/^INVALID_/) })
  expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})
