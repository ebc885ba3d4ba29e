import Cursor from 'pg-cursor'
import { beforeAll, expect, test } from 'vitest'
import { Deferred } from '../../src/base/deferred.js'
import type { LockTransaction } from '../../src/dialect/postgres/transaction/lock-transaction.js'
import { lockpool, script } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** No statement on the server outlives the caller that requested it. */
const world = lockWorld()

/** Takes much longer than any test. If the statement is gone sooner, it was ended. */
const FOREVER = 'SELECT pg_sleep(300)'
const IN_TIME = { timeout: 20_000 }

const OTHER = `application_name <> 'test' AND datname = current_database() AND pid <> pg_backend_pid()`

beforeAll(async () => {
  await world.database.query('CREATE TABLE account AS SELECT i AS id FROM generate_series(1, 9) AS i')
})

/** The beginnings of the statements that other sessions run. A statement that waits counts too. */
async function underWay(): Promise<string[]> {
  const { rows } = await world.database.query<{ query: string }>(
    `SELECT left(trim(query), 80) AS query FROM pg_stat_activity WHERE state <> 'idle' AND ${OTHER}`,
  )
  return rows.map(({ query }) => query)
}

const comes = (text: string): Promise<void> =>
  expect.poll(underWay, IN_TIME).toContainEqual(expect.stringContaining(text))

const ends = (): Promise<void> => expect.poll(underWay, IN_TIME).toEqual([])

/** Each action starts a statement that takes longer than the test. */
const LONG: readonly (readonly [
  what: string,
  shows: string,
  act: (tx: LockTransaction) => Promise<unknown>,
])[] = [
  ['a statement', 'pg_sleep', (tx) => tx.query(FOREVER)],
  ['statements behind each other', 'pg_sleep', (tx) => Promise.all([tx.query(FOREVER), tx.query(FOREVER)])],
  ['tx.lock', 'advisory', (tx) => tx.lock('taken', { timeoutMs: Infinity })],
  ['tx.lockRows', 'account', (tx) => tx.lockRows('account', { id: 1 }, { timeoutMs: Infinity })],
  ['tx.lockTable', 'LOCK TABLE', (tx) => tx.lockTable('account', 'exclusive', { timeoutMs: Infinity })],
]

/** Holds the locks that the statements of `LONG` wait for, until the test is over. */
async function inTheWay(): Promise<AsyncDisposable> {
  const locks = world.pool({ applicationName: 'test' })
  const client = await locks.connections.connect()
  await client.query('BEGIN; SELECT * FROM account WHERE id = 1 FOR UPDATE')
  const taken = await locks.acquire('taken')
  return {
    async [Symbol.asyncDispose]() {
      await taken.release()
      client.release(true)
      await locks.close()
    },
  }
}

test.each(LONG)('%s of a transaction that is aborted ends with it', async (_, shows, act) => {
  await using _way = await inTheWay()
  const locks = world.pool()
  const others = world.pool({ applicationName: 'test' })
  const controller = new AbortController()

  const aborted = locks.transaction(
    async (tx) => {
      await tx.lock('mine')
      await tx.lockRows('account', { id: 2 })
      await act(tx)
    },
    { signal: controller.signal },
  )
  aborted.catch(() => undefined)
  await comes(shows)
  controller.abort(new Error('enough'))

  expect(await rejection(aborted)).toMatchObject({ message: 'enough' })
  await (await others.acquire('mine', { timeoutMs: 20_000 })).release()
  await others.transaction((tx) => tx.lockRows('account', { id: 2 }, { timeoutMs: 20_000 }))
  await ends()
})

test.each(LONG)('%s of a transaction ends with its pool, when the grace is over', async (_, shows, act) => {
  await using _way = await inTheWay()
  const locks = world.pool()

  const cut = locks.transaction(act)
  cut.catch(() => undefined)
  await comes(shows)
  await locks.close({ graceMs: 10 })

  expect(await rejection(cut)).toBeInstanceOf(Error)
  await ends()
})

test('a statement on a borrowed connection ends when the connection is closed', async () => {
  const locks = world.pool()

  const client = await locks.connections.connect()
  client.query(FOREVER).catch(() => undefined)
  await comes('pg_sleep')
  client.release(true)
  await ends()

  const ended = await locks.connections.connect()
  ended.query(FOREVER).catch(() => undefined)
  await comes('pg_sleep')
  await ended.end()
  await ends()

  const reader = await locks.connections.connect()
  reader.query(new Cursor(`SELECT pg_sleep(300) FROM generate_series(1, 9)`)).read(1, () => undefined)
  await comes('pg_sleep')
  reader.release(new Error('broken'))
  await ends()

  const asked = locks.connections.query(FOREVER)
  asked.catch(() => undefined)
  await comes('pg_sleep')
  await locks.close({ graceMs: 0 })
  await ends()
})

test('a guard that waits ends with its transaction', async () => {
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  const [guarded, written] = [new Deferred<void>(), new Deferred<void>()]
  const controller = new AbortController()

  const first = locks.transaction(async (tx) => {
    await lock.guard(tx)
    guarded.resolve()
    await written.promise
  })
  await guarded.promise
  const second = locks.transaction((tx) => lock.guard(tx), { signal: controller.signal })
  second.catch(() => undefined)
  await comes('lockpool.guard')
  await expect.poll(async () => (await underWay()).length, IN_TIME).toBe(2)
  controller.abort(new Error('enough'))

  expect(await rejection(second)).toMatchObject({ message: 'enough' })
  await expect.poll(async () => (await underWay()).length, IN_TIME).toBe(1)
  written.resolve()
  await first
  await lock.release()
})

test('the next borrower is not canceled for an earlier one', async () => {
  const locks = world.pool({ max: 2 })

  for (let round = 0; round < 20; round++) {
    const client = await locks.connections.connect()
    client.query(FOREVER).catch(() => undefined)
    const next = locks.connections.query('SELECT pg_sleep(0.01)')
    client.release(true)
    await Promise.all([next, locks.connections.query('SELECT pg_sleep(0.02)')])
  }

  await ends()
})

test.each(LONG)(
  '%s ends with a process that is killed, and everything it held is free',
  async (_, shows, act) => {
    await using _way = await inTheWay()
    const killed = script(
      `
    import { LockPool } from 'lockpool'
    const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test' })
    const FOREVER = '${FOREVER}'
    await locks.transaction(async (tx) => {
      await tx.lock('mine')
      await tx.lockRows('account', { id: 2 })
      await (${act.toString()})(tx)
    })`,
      { TEST_DATABASE: world.database.url },
    )

    await comes(shows)
    killed.kill('SIGKILL')
    await killed.ended

    const others = world.pool({ applicationName: 'test' })
    await (await others.acquire('mine', { timeoutMs: 20_000 })).release()
    await others.transaction((tx) => tx.lockRows('account', { id: 2 }, { timeoutMs: 20_000 }))
    await ends()
  },
)

test.each(['SIGKILL', 'SIGINT'] as const)(
  'a statement without a transaction ends with its process (%s), and so does a look at the locks',
  async (signal) => {
    const locks = world.pool({ applicationName: 'test' })
    const asks = script(
      `
      import { LockPool } from 'lockpool'
      await new LockPool({ connection: process.env.TEST_DATABASE }).connections.query('${FOREVER}')`,
      { TEST_DATABASE: world.database.url },
    )
    await comes('pg_sleep')
    asks.kill(signal)
    await asks.ended
    await ends()

    expect(await lockpool(['install'], { url: world.database.url }).ended).toBe(0)
    const held = await locks.acquire('orders')
    const client = await locks.connections.connect()
    await client.query('BEGIN; LOCK TABLE lockpool.key_name IN ACCESS EXCLUSIVE MODE')
    const looks = lockpool(['ls'], { url: world.database.url })
    await expect.poll(underWay, IN_TIME).toHaveLength(1)
    looks.kill(signal)
    await looks.ended
    await ends()
    client.release(true)
    await held.release()
  },
)

test('an aborted inspection ends', async () => {
  expect(await lockpool(['install'], { url: world.database.url }).ended).toBe(0)
  const holds = world.pool({ applicationName: 'test' })
  const held = await holds.acquire('orders')
  const client = await holds.connections.connect()
  await client.query('BEGIN; LOCK TABLE lockpool.key_name IN ACCESS EXCLUSIVE MODE')
  const controller = new AbortController()

  const looks = world.pool().inspectAll({ signal: controller.signal })
  looks.catch(() => undefined)
  await comes('lockpool.key_name')
  controller.abort(new Error('enough'))

  expect(await rejection(looks)).toMatchObject({ message: 'enough' })
  await ends()
  client.release(true)
  await held.release()
})

test('a program that closes its pool and exits has ended its sessions at the server', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const exiting = script(
    `
    import { LockPool } from 'lockpool'
    const locks = new LockPool({ connection: process.env.TEST_DATABASE })
    locks.connections.query('${FOREVER}').catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 500))
    await locks.close({ graceMs: 0 })
    process.exit(0)`,
    { TEST_DATABASE: proxy.url },
  )
  await comes('pg_sleep')

  await exiting.ended

  // The statement uses one connection, and its cancel request uses another one.
  expect(proxy.attempts).toBe(2)
  await ends()
})
