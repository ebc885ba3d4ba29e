import pg from 'pg'
import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import { createDatabase } from '../support/database.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

/** Opens a connection of the application, outside any pool. */
async function connect(url: string = world.database.url): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url)
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** Writes to the ledger under the lock's guard, in one transaction. */
async function write(client: pg.Client, lock: Lock, writer: string, resource?: string): Promise<void> {
  await client.query('BEGIN')
  try {
    await lock.guard(client, resource)
    await client.query('INSERT INTO ledger VALUES ($1)', [writer])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function guarded(client: pg.Client, lock: Lock, resource: string): Promise<void> {
  await client.query('BEGIN')
  await lock.guard(client, resource)
  await client.query('COMMIT')
}

async function ledger(): Promise<string[]> {
  const { rows } = await world.database.query<{ writer: string }>('SELECT writer FROM ledger')
  return rows.map(({ writer }) => writer)
}

async function emptyLedger(): Promise<void> {
  await world.database.query('DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (writer text)')
}

test('a holder who was cut off and replaced, and does not know it, writes nothing', async () => {
  await emptyLedger()
  await using proxy = await TcpProxy.to(world.database.url)
  await using client = await connect()
  const [cut, other] = [world.pool({ connection: proxy.url }), world.pool()]
  const stale = await cut.acquire('orders')
  await write(client, stale, 'first')
  const [session] = cut.snapshot().sessions

  proxy.cut()
  await world.terminate(session!.serverId)
  const later = await other.acquire('orders')
  await write(client, later, 'later')
  expect(stale.state, 'it believes to hold the lock').toBe('held')
  const attempts = await Promise.allSettled([write(client, stale, 'stale')])
  await write(client, later, 'later again')

  expect(attempts).toMatchObject([{ status: 'rejected', reason: { code: 'STALE_TOKEN', retryable: false } }])
  expect(await ledger()).toEqual(['first', 'later', 'later again'])
  proxy.mend()
})

test('a later holder waits for the transaction of an earlier one, and a rollback takes the guard back', async () => {
  await emptyLedger()
  await using one = await connect()
  await using two = await connect()
  const [a, b] = [await world.pool().acquire('a'), await world.pool().acquire('b')]

  await one.query('BEGIN')
  await a.guard(one, 'shared resource')
  let isThrough = false
  const later = write(two, b, 'later', 'shared resource').then(() => (isThrough = true))
  await expect
    .poll(
      async () =>
        (await world.database.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`))
          .rowCount,
    )
    .toBe(1)
  expect(isThrough).toBe(false)
  await one.query('ROLLBACK')
  await later

  expect(await rejection(write(one, a, 'earlier', 'shared resource'))).toMatchObject({ code: 'STALE_TOKEN' })
  await write(one, a, 'earlier, elsewhere', 'another resource')
  expect(await ledger()).toEqual(['later', 'earlier, elsewhere'])
})

test('readers make way for writers, and not for one another', async () => {
  await emptyLedger()
  await using client = await connect()
  const pools = [world.pool(), world.pool(), world.pool()]
  const early = await pools[0]!.acquire('orders')
  await early.release()
  const readers = await Promise.all(pools.map((pool) => pool.acquire('read', { mode: 'shared' })))
  const writer = await pools[0]!.acquire('write')

  const latestFirst = readers.toSorted((a, b) => (a.token > b.token ? -1 : 1))
  for (const reader of latestFirst) await guarded(client, reader, 'it')
  await guarded(client, writer, 'it')

  for (const reader of readers) {
    expect(await rejection(reader.guard(client, 'it'))).toMatchObject({ code: 'STALE_TOKEN' })
  }
})

test('a writer is refused where a later reader has been', async () => {
  await using client = await connect()
  const locks = world.pool()
  const writer = await locks.acquire('write')
  const reader = await locks.acquire('read', { mode: 'shared' })
  await guarded(client, reader, 'what was read')

  expect(await rejection(writer.guard(client, 'what was read'))).toMatchObject({ code: 'STALE_TOKEN' })
})

test('on a connection of the pool, too, and never after a release or a loss', async () => {
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  await locks.connections.use(async (connection) => {
    expect(await rejection(lock.guard(connection)), 'it would guard nothing').toMatchObject({
      code: 'TRANSACTION_FAILED',
    })
    await connection.query('BEGIN')
    await lock.guard(connection)
    await connection.query('COMMIT')
  })
  expect(await rejection(lock.guard(locks.connections as never))).toMatchObject({ code: 'INVALID_OPTION' })
  await lock.release()
  const lost = await locks.acquire('invoices')
  await world.terminate(...locks.snapshot().sessions.map(({ serverId }) => serverId))
  await expect.poll(() => lost.state).toBe('lost')

  const unused = { query: () => expect.unreachable('the database is not asked') } as never
  expect(await rejection(lock.guard(unused))).toMatchObject({
    code: 'STALE_TOKEN',
    message: expect.stringMatching(/has been released/),
  })
  expect(await rejection(lost.guard(unused))).toMatchObject({ code: 'LOCK_LOST' })
})

test('without tokens, or without the table, a guard says what is missing', async () => {
  await using elsewhere = await createDatabase()
  await using client = await connect(elsewhere.url)
  const lock = await world.pool().acquire('orders')
  const tokenless = await world.pool({ fencing: 'off' }).acquire('invoices')

  expect(await rejection(lock.guard(client))).toMatchObject({
    code: 'FENCING_UNAVAILABLE',
    message: expect.stringMatching(/lockpool install/),
    cause: { code: '42P01' },
  })
  expect(await rejection(tokenless.guard(client))).toMatchObject({ code: 'FENCING_UNAVAILABLE' })
  await client.query('BEGIN')
  await rejection(client.query('nonsense'))
  const error = await rejection(lock.guard(client))
  expect(error['code'], "the transaction's own error, untouched").toBe('25P02')
})
