import { Deferred } from '../../src/base/deferred.js'
import { beforeAll, expect, test } from 'vitest'
import type { LockTransaction } from '../../src/dialect/postgres/transaction/lock-transaction.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

beforeAll(async () => {
  await world.database.query('CREATE TABLE account (id int PRIMARY KEY, owner text, "Odd ""name" int)')
  await world.database.query(
    `INSERT INTO account SELECT i, 'owner ' || i % 3, i FROM generate_series(1, 9) AS i`,
  )
})

/** Opens a transaction and runs `act` in it. Returns a function that ends the transaction. */
async function opened(act: (tx: LockTransaction) => Promise<unknown>): Promise<() => Promise<void>> {
  const locks = world.pool()
  let end!: () => void
  const ending = new Promise<void>((resolve) => (end = resolve))
  let done!: Promise<void>
  await new Promise<void>((resolve, reject) => {
    done = locks.transaction(async (tx) => {
      await act(tx)
      resolve()
      await ending
    })
    done.catch(reject)
  })
  return async () => {
    end()
    await done
  }
}

test('a lock in a transaction excludes acquire, and ends with the transaction', async () => {
  const locks = world.pool()

  await locks.transaction(async (tx) => {
    await tx.lock('orders')
    await tx.lock(42n, { mode: 'shared' })
    await tx.lock([1, 2])
    expect(await locks.tryAcquire('orders')).toBeNull()
    expect(await locks.tryAcquire(42n)).toBeNull()
    await (await locks.tryAcquire(42n, { mode: 'shared' }))!.release()
    expect(await locks.tryAcquire([1, 2])).toBeNull()
  })

  for (const key of ['orders', 42n, [1, 2]] as const) await (await locks.tryAcquire(key))!.release()
})

test('the work of the body is committed, and rolled back if it fails', async () => {
  const locks = world.pool()
  await locks.transaction((tx) => tx.query('CREATE TABLE kept (id int)'))

  const failed = locks.transaction(async (tx) => {
    await tx.query('INSERT INTO kept VALUES (1)')
    throw new Error('no')
  })

  expect(await rejection(failed)).toMatchObject({ message: 'no' })
  expect((await world.database.query('SELECT * FROM kept')).rows).toEqual([])
  expect(await locks.transaction(async () => 'result')).toBe('result')
})

test('an error that the body catches does not become a commit', async () => {
  const locks = world.pool()

  const swallowed = locks.transaction(async (tx) => {
    await tx.query('SELECT 1 / 0').catch(() => undefined)
    return 'done'
  })

  expect(await rejection(swallowed)).toMatchObject({ code: 'TRANSACTION_FAILED', isUnknown: false })
})

test('a lock that is not acquired in time leaves the transaction usable, and the error names the holder', async () => {
  const locks = world.pool()
  const held = await locks.acquire('orders')

  await locks.transaction(async (tx) => {
    await tx.query(`SET LOCAL lock_timeout = '77s'`)
    await tx.lock('before')
    const error = await rejection(tx.lock('orders', { timeoutMs: 50 }))
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'locking', key: 'lock "orders"' })
    expect(error['holder']).toMatch(/^lockpool test \(pid \d+, client 127\.0\.0\.1\)$/)
    expect(await rejection(tx.lock('orders', { timeoutMs: 0 }))).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await tx.tryLock('orders')).toBe(false)
    expect(await tx.tryLock('free')).toBe(true)
    expect((await tx.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '77s' }])
    expect(await locks.tryAcquire('before')).toBeNull()
  })

  await held.release()
})

test('rows are locked by value, and answered', async () => {
  const end = await opened((tx) => tx.lockRows('account', { id: 1 }))
  const locks = world.pool()

  await locks.transaction(async (tx) => {
    const busy = await rejection(tx.lockRows('account', { id: [1, 2] }, { wait: 'nowait' }))
    expect(busy).toMatchObject({ code: 'LOCK_TIMEOUT', key: 'rows of account' })
    expect(busy['holder']).toMatch(/lockpool test/)
    expect(await rejection(tx.lockRows('account', { id: 1 }, { timeoutMs: 30 }))).toMatchObject({
      code: 'LOCK_TIMEOUT',
    })
    const free = await tx.lockRows<{ id: number }>(
      'public.account',
      { owner: 'owner 1' },
      { wait: 'skip locked' },
    )
    expect(free.map(({ id }) => id)).toEqual([4, 7])
    expect(await tx.lockRows('account', { 'Odd "name': 3, owner: 'owner 0' })).toHaveLength(1)
    expect(await tx.lockRows('account', { owner: null })).toEqual([])
    for (const strength of ['update', 'no key update', 'share', 'key share'] as const) {
      expect(await tx.lockRows('account', { id: 9 }, { strength })).toHaveLength(1)
    }
    expect(await tx.lockRows('account', {}, { wait: 'skip locked' })).toHaveLength(8)
  })

  await end()
})

test('tables are locked in each of the eight modes, by the letter of their name', async () => {
  await world.database.query('CREATE TABLE "Big; DROP TABLE account" (id int)')
  const locks = world.pool()
  const modes = [
    'access share',
    'row share',
    'row exclusive',
    'share update exclusive',
    'share',
    'share row exclusive',
    'exclusive',
    'access exclusive',
  ] as const

  for (const mode of modes) {
    await locks.transaction(async (tx) => {
      await tx.lockTable('Big; DROP TABLE account', mode)
      const { rows } = await tx.query<{ mode: string }>(
        `SELECT mode FROM pg_locks WHERE relation = '"Big; DROP TABLE account"'::regclass AND pid = pg_backend_pid()`,
      )
      expect(rows).toContainEqual({
        mode: `${mode.replaceAll(/(^| )(.)/g, (_, __, first: string) => first.toUpperCase())}Lock`,
      })
    })
  }
  const end = await opened((tx) => tx.lockTable('account', 'access exclusive'))
  await locks.transaction(async (tx) => {
    expect(await rejection(tx.lockTable('account', 'access share', { wait: 'nowait' }))).toMatchObject({
      code: 'LOCK_TIMEOUT',
      key: 'table account',
    })
    expect(await rejection(tx.lockTable('account', 'access share', { timeoutMs: 20 }))).toMatchObject({
      code: 'LOCK_TIMEOUT',
    })
  })
  await end()
})

test('wrong arguments are refused before anything is sent', async () => {
  const locks = world.pool()

  await locks.transaction(async (tx) => {
    const wrong = [
      tx.lock(''),
      tx.lock('a', { timeoutMs: -1 }),
      tx.lock('a', { mode: 'update' as never }),
      tx.tryLock('a', { mode: '' as never }),
      tx.lockRows('', { id: 1 }),
      tx.lockRows('a.b.c', { id: 1 }),
      tx.lockRows('account', { id: undefined }),
      tx.lockRows('account', 'id = 1' as never),
      tx.lockRows('account', { id: 1 }, { strength: 'forever' as never }),
      tx.lockRows('account', { id: 1 }, { timeoutMs: 0 }),
      tx.lockTable('account', 'EXCLUSIVE' as never),
      tx.lockTable('x'.repeat(64), 'exclusive'),
    ]
    for (const each of wrong) {
      expect(await rejection(each)).toMatchObject({ code: expect.stringMatching(/INVALID_(KEY|OPTION)/) })
    }
  })
  const options = locks.transaction(async () => undefined, { isolation: 'chaos', retries: -1, x: 1 } as never)
  expect(await rejection(options)).toMatchObject({
    code: 'INVALID_OPTION',
    problems: [
      expect.stringMatching(/"x"/),
      expect.stringMatching(/isolation/),
      expect.stringMatching(/retries/),
    ],
  })
  expect(await rejection(locks.transaction(null as never))).toMatchObject({ code: 'INVALID_OPTION' })
})

test('serialization failures and deadlocks are retried, if the options say so', async () => {
  const locks = world.pool()
  let runs = 0
  let reads = 0
  const bothHaveRead = new Deferred<void>()
  const increment = async (tx: LockTransaction): Promise<void> => {
    runs++
    const { rows } = await tx.query<{ sum: number }>('SELECT "Odd ""name" AS sum FROM account WHERE id = 5')
    // Two transactions have read before one writes, so one of the two must be retried.
    if (++reads === 2) bothHaveRead.resolve()
    await bothHaveRead.promise
    await tx.query('UPDATE account SET "Odd ""name" = $1 WHERE id = 5', [rows[0]!.sum + 1])
  }
  const options = { isolation: 'serializable', retries: 20 } as const

  await Promise.all([1, 2, 3].map(() => locks.transaction(increment, options)))

  expect(runs).toBeGreaterThan(3)
  const { rows } = await world.database.query('SELECT "Odd ""name" AS sum FROM account WHERE id = 5')
  expect(rows).toEqual([{ sum: 8 }])
})

test('an aborted transaction is rolled back, and its connection is closed', async () => {
  const locks = world.pool()
  const controller = new AbortController()

  const aborted = locks.transaction(
    async (tx) => {
      await tx.lock('orders')
      controller.abort(new Error('enough'))
      await tx.query('SELECT pg_sleep(10)')
    },
    { signal: controller.signal },
  )

  expect(await rejection(aborted)).toMatchObject({ message: 'enough' })
  await (await locks.acquire('orders', { timeoutMs: 5000 })).release()
})

test('a connection that dies in the middle costs the transaction and nothing else', async () => {
  const locks = world.pool()

  const broken = locks.transaction(async (tx) => {
    const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await world.terminate(rows[0]!.pid)
    await tx.lock('orders')
  })

  expect(await rejection(broken)).toBeInstanceOf(Error)
  expect(await locks.transaction((tx) => tx.tryLock('orders'))).toBe(true)
})

test('a transaction object is unusable after the transaction', async () => {
  const locks = world.pool()
  let kept!: LockTransaction
  await locks.transaction(async (tx) => {
    kept = tx
  })

  expect(await rejection(kept.lock('orders'))).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect(await rejection(kept.query('SELECT 1'))).toMatchObject({ code: 'CONNECTION_FAILED' })
})

test('locks of a transaction leave a clean connection, without another statement', async () => {
  const locks = world.pool()
  const cleaned: unknown[] = []
  locks.connections.on('connection:cleaned', (event) => cleaned.push(event))

  await locks.transaction((tx) => tx.lock('orders'))

  expect(cleaned).toEqual([])
})

test.each([
  'COMMIT',
  'ROLLBACK',
  'COMMIT AND CHAIN',
  'COMMIT; BEGIN',
  'ROLLBACK AND CHAIN',
  'ROLLBACK /* all of it */ AND\n-- at once\nCHAIN',
  'ROLLBACK; BEGIN',
  'ROLLBACK; START TRANSACTION',
  'END; SELECT 1',
  'ROLLBACK; SELECT 1/0',
  'COMMIT; BEGIN; SELECT 1/0',
  'COMMIT AND CHAIN; SELECT 1/0',
  'ROLLBACK; START TRANSACTION; SELECT 1/0',
  'ROLLBACK AND CHAIN; SELECT 1/0',
  `PREPARE TRANSACTION 'own'`,
])('a body that ends its transaction itself (%s) learns that its locks have ended', async (text) => {
  const locks = world.pool()
  const kept = await rejection(
    locks.transaction(async (tx) => {
      await tx.lock('orders')
      await tx.query(text).catch(() => undefined)
      // Most servers do not allow prepared transactions. There, the statement only fails the transaction.
      expect(await rejection(tx.tryLock('orders'))).toMatchObject({
        code: text.startsWith('PREPARE') ? expect.anything() : 'TRANSACTION_FAILED',
      })
      await tx.query('SELECT 1').catch(() => undefined)
    }),
  )
  expect(kept).toMatchObject({ code: 'TRANSACTION_FAILED', retryable: false })
  // A server session that ends may take a moment to release its locks.
  await (await locks.acquire('orders', { timeoutMs: 30_000 })).release()
})

test('a body that has ended its transaction is not run again after a serialization failure', async () => {
  const locks = world.pool()
  await world.database.query('CREATE TABLE run (n int)')
  const failure = `DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`

  const error = await rejection(
    locks.transaction((tx) => tx.query(`INSERT INTO run VALUES (1); COMMIT; BEGIN; ${failure}`), {
      retries: 3,
    }),
  )

  expect(error).toMatchObject({ code: '40001' })
  expect((await world.database.query('SELECT n FROM run')).rows, 'what was committed').toEqual([{ n: 1 }])
})

test('a body may set savepoints and roll back to them', async () => {
  const locks = world.pool()
  const held = await locks.transaction(async (tx) => {
    await tx.lock('orders')
    await tx.query('SAVEPOINT own')
    await tx.query('nonsense').catch(() => undefined)
    await tx.query('ROLLBACK TO SAVEPOINT own')
    await tx.query('ROLLBACK TO own; SELECT 1')
    await tx.query('ROLLBACK TO own; SELECT 1/0').catch(() => undefined)
    await tx.query('ROLLBACK TO own')
    await tx.query('RELEASE SAVEPOINT own; SELECT 1')
    return tx.tryLock('invoices')
  })
  expect(held).toBe(true)
})
