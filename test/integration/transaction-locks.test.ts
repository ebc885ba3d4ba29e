import { beforeAll, expect, test } from 'vitest'
import type { LockTransaction } from '../../src/dialect/postgres/transaction/lock-transaction.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/** The waits of a transaction: their timeouts and their deadlocks. */
const world = lockWorld()

beforeAll(async () => {
  await world.database.query('CREATE TABLE account AS SELECT i AS id FROM generate_series(1, 9) AS i')
})

/** Opens a transaction in another session, and runs the statement in it. The transaction is open until it is disposed of. */
async function other(statement: string, applicationName = 'report'): Promise<AsyncDisposable> {
  const locks = world.pool({ applicationName })
  const client = await locks.connections.connect()
  await client.query('BEGIN')
  await client.query(statement)
  return {
    async [Symbol.asyncDispose]() {
      client.release(true)
      await locks.close()
    },
  }
}

/** Starts a migration that waits for a report. All later statements then wait for the migration. */
async function migrationInQueue(): Promise<AsyncDisposable> {
  const report = await other('SELECT * FROM account WHERE id = 9 FOR UPDATE')
  const locks = world.pool({ applicationName: 'migration' })
  const client = await locks.connections.connect()
  const altering = client.query('ALTER TABLE account ADD COLUMN IF NOT EXISTS more int')
  altering.catch(() => undefined)
  await world.waitsInServer('migration')
  return {
    async [Symbol.asyncDispose]() {
      client.release(true)
      await locks.close()
      await report[Symbol.asyncDispose]()
    },
  }
}

const TABLE_WAITS: readonly (readonly [
  string,
  (tx: LockTransaction, timeoutMs: number) => Promise<unknown>,
])[] = [
  ...(['block', 'nowait', 'skip locked'] as const).map(
    (wait) =>
      [
        `lockRows ${wait}`,
        (tx: LockTransaction, timeoutMs: number) => tx.lockRows('account', { id: 1 }, { wait, timeoutMs }),
      ] as const,
  ),
  ['lockTable', (tx, timeoutMs) => tx.lockTable('account', 'share', { timeoutMs })],
]

test.each(TABLE_WAITS)(
  '%s waits for a table no longer than its option says, and names the holder',
  async (_, act) => {
    const locks = world.pool()

    await locks.transaction(async (tx) => {
      {
        await using _way = await other('LOCK TABLE account IN ACCESS EXCLUSIVE MODE', 'migration')
        const error = await rejection(act(tx, 60))
        expect(error).toMatchObject({
          code: 'LOCK_TIMEOUT',
          phase: 'locking',
          holder: expect.stringMatching(/^migration \(pid \d+, client 127\.0\.0\.1\)$/),
          cause: { code: '55P03' },
        })
        expect(error['waitedMs']).toBeGreaterThanOrEqual(55)
      }
      await act(tx, 20_000)
    })
  },
)

test.each(TABLE_WAITS)('%s behind a waiting migration names whom the migration waits for', async (_, act) => {
  await using _migration = await migrationInQueue()

  await world.pool().transaction(async (tx) => {
    expect(await rejection(act(tx, 60))).toMatchObject({
      code: 'LOCK_TIMEOUT',
      holder: expect.stringMatching(/^migration \(.*\), waiting for report \(.*\)$/),
    })
  })
})

test('without its own timeout a wait for a table has that of the pool, in any mode', async () => {
  await using _migration = await migrationInQueue()
  const locks = world.pool({ acquireTimeoutMs: 1000 })

  for (const wait of ['nowait', 'skip locked'] as const) {
    expect(await rejection(locks.transaction((tx) => tx.lockRows('account', {}, { wait })))).toMatchObject({
      code: 'LOCK_TIMEOUT',
      key: 'rows of account',
    })
  }
  const none = locks.transaction((tx) => tx.lockRows('account', {}, { wait: 'nowait', timeoutMs: 0 }))
  expect(await rejection(none)).toMatchObject({ code: 'LOCK_TIMEOUT' })
})

test('the error for a locked row names holders of rows, and not readers or waiters of the table', async () => {
  await using _reader = await other('LOCK TABLE account IN ACCESS SHARE MODE', 'reader')
  await using _way = await other('SELECT * FROM account WHERE id = 1 FOR UPDATE', 'writer')

  await world.pool().transaction(async (tx) => {
    for (const options of [{ wait: 'nowait' }, { timeoutMs: 60 }] as const) {
      expect(await rejection(tx.lockRows('account', { id: 1 }, options))).toMatchObject({
        code: 'LOCK_TIMEOUT',
        holder: expect.stringMatching(/^writer \([^)]*\)$/),
      })
    }
  })
})

/**
 * Each transaction takes its first step. When all have done so, each takes its second step. The refused transaction
 * then ends, so that the other one continues.
 */
async function tangle(
  locks: LockPool,
  steps: readonly (readonly [first: Step, second: Step])[],
  retries = 0,
): Promise<PromiseSettledResult<void>[]> {
  let missing = steps.length
  let go!: () => void
  const allHoldFirst = new Promise<void>((resolve) => (go = resolve))
  return Promise.allSettled(
    steps.map(([first, second]) =>
      locks.transaction(
        async (tx) => {
          await first(tx)
          if (--missing === 0) go()
          await allHoldFirst
          await second(tx)
        },
        { retries },
      ),
    ),
  )
}

type Step = (tx: LockTransaction) => Promise<unknown>

const key =
  (name: string): Step =>
  (tx) =>
    tx.lock(name)
const row =
  (id: number): Step =>
  (tx) =>
    tx.lockRows('account', { id })

test('one transaction of a deadlock gets the error, with a description', async () => {
  const locks = world.pool()

  const outcomes = await tangle(locks, [
    [key('orders'), key('invoices')],
    [key('invoices'), key('orders')],
  ])

  const [victim, ...more] = outcomes.flatMap((each) =>
    each.status === 'rejected' ? [each.reason as Error] : [],
  )
  expect(more).toEqual([])
  expect(victim).toMatchObject({
    code: 'LOCK_DEADLOCK',
    retryable: true,
    key: expect.stringMatching(/^lock "(orders|invoices)"$/),
    cause: { code: '40P01' },
  })
  const session = String.raw`lockpool test \(pid \d+, client 127\.0\.0\.1\)`
  expect(victim!.message).toMatch(
    new RegExp(
      `^waiting for lock "(orders|invoices)" would never end: ${session} holds "(orders|invoices)" and waits for "(orders|invoices)"; ` +
        `${session} holds "(orders|invoices)" and waits for "(orders|invoices)"$`,
    ),
  )
  const [first, second] = (victim as unknown as { cycle: { holds: string; waitsFor: string }[] }).cycle
  expect(first!.holds).toBe(second!.waitsFor)
  expect(first!.waitsFor).toBe(second!.holds)
  expect(victim).toMatchObject({ key: `lock "${first!.waitsFor}"` })
})

test.each([
  ['rows', [row(1), row(2)], [row(2), row(1)]],
  ['a row and a key', [row(1), key('orders')], [key('orders'), row(1)]],
  [
    'tables',
    [(tx) => tx.lockTable('account', 'share'), (tx) => tx.lockTable('account', 'exclusive')],
    [(tx) => tx.lockTable('account', 'share'), (tx) => tx.lockTable('account', 'exclusive')],
  ],
] as (readonly [string, readonly [Step, Step], readonly [Step, Step]])[])(
  'a cycle of %s is a deadlock as well, ends with the victim, and may be retried',
  async (_, one, another) => {
    const locks = world.pool()

    const outcomes = await tangle(locks, [one, another])
    const victims = outcomes.filter((each) => each.status === 'rejected')
    expect(victims).toMatchObject([{ reason: { code: 'LOCK_DEADLOCK', cycle: { length: 2 } } }])
    expect(String((victims[0] as PromiseRejectedResult).reason)).toMatch(/"(rows of|a row|table|orders)/)

    expect(await tangle(locks, [one, another], 10)).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
    ])
  },
)

test('the error for a cycle of three describes all three, by name where the names are known', async () => {
  const locks = world.pool()

  const outcomes = await tangle(locks, [
    [key('a'), key('b')],
    [key('b'), (tx) => tx.lock(4711n)],
    [(tx) => tx.lock(4711n), key('a')],
  ])

  const victims = outcomes.filter((each) => each.status === 'rejected')
  expect(victims).toMatchObject([{ reason: { code: 'LOCK_DEADLOCK', cycle: { length: 3 } } }])
})

test('a victim that catches the error may continue, with its earlier locks', async () => {
  const locks = world.pool()
  const swallow: Step = async (tx) => {
    const error = await tx.lock('invoices').then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error === null) return
    expect(error).toMatchObject({ code: 'LOCK_DEADLOCK' })
    expect(await locks.tryAcquire('orders')).toBeNull()
    expect((await tx.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  }

  const outcomes = await tangle(locks, [
    [key('orders'), swallow],
    [key('invoices'), (tx) => tx.lock('orders')],
  ])

  const victims = outcomes.filter((each) => each.status === 'rejected')
  expect(victims.map((each) => each.reason as unknown)).toMatchObject(
    victims.map(() => ({ code: 'LOCK_DEADLOCK' })),
  )
})

test('errors of statements that the body sends itself are those of the driver', async () => {
  const locks = world.pool()
  await using _way = await other('SELECT * FROM account WHERE id = 1 FOR UPDATE')

  const refused = locks.transaction((tx) => tx.query('SELECT * FROM account WHERE id = 1 FOR UPDATE NOWAIT'))
  expect(await rejection(refused)).toMatchObject({ code: '55P03', severity: 'ERROR' })

  const update =
    (id: number): Step =>
    (tx) =>
      tx.query('UPDATE account SET id = id WHERE id = $1', [id])
  const outcomes = await tangle(locks, [
    [update(3), update(4)],
    [update(4), update(3)],
  ])
  expect(outcomes.filter((each) => each.status === 'rejected')).toMatchObject([
    { reason: { code: '40P01', severity: 'ERROR' } },
  ])
})
