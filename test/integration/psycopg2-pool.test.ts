import { expect, test } from 'vitest'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/**
 * The behavior of psycopg2's SimpleConnectionPool and ThreadedConnectionPool, and what lockpool does instead.
 * docs/guides/from-psycopg2-pool.md describes both.
 */
const world = lockWorld()

test('nothing is opened by the constructor, and ready() opens min or says why not', async () => {
  const { connections } = world.pool({ min: 2 })
  expect(connections.totalCount).toBe(0)

  await connections.ready()

  expect(connections.totalCount).toBe(2)
  const unreachable = world.pool({ connection: 'postgres://127.0.0.1:1/none', min: 2 })
  expect(await rejection(unreachable.connections.ready())).toMatchObject({ code: 'CONNECTION_FAILED' })
})

test('more min than max is refused', () => {
  expect(() => new LockPool({ min: 3, max: 1 })).toThrowError(
    expect.objectContaining({ code: 'INVALID_OPTION' }),
  )
})

test('a caller waits for the first check-in if all connections are borrowed', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  const waiting = connections.connect()

  first.release()
  const second = await waiting

  expect(second.processID).toBe(first.processID)
  second.release()
})

test('a caller that does not want to wait gets an error at once', async () => {
  const { connections } = world.pool({ max: 2, onExhausted: 'fail' })
  const client = await connections.connect()

  expect(await rejection(connections.connect())).toMatchObject({ code: 'POOL_EXHAUSTED', retryable: true })

  client.release()
  ;(await connections.connect()).release()
})

test('opening one connection does not delay checkouts and check-ins of others', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const locks = world.pool({ connection: proxy.url, max: 3 })
  const first = await locks.connections.connect()
  // The server does not answer at all, so opening a connection never ends.
  proxy.isSilent = true
  const second = locks.connections.connect()
  await expect.poll(() => locks.connections.counts().opening, { timeout: 5000 }).toBe(1)

  first.release()

  const reused = await second
  expect(reused.processID).toBe(first.processID)
  reused.release()
  await locks.close({ graceMs: 0 })
})

test('two calls never get the same connection, and nested work uses the one that it is passed', async () => {
  const { connections } = world.pool({ max: 3 })
  const pids = await connections.use(async (client) => {
    const inside = async (): Promise<number> => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      return rows[0]!.pid
    }
    const other = await connections.use(({ processID }) => processID)
    return [client.processID, await inside(), other]
  })

  expect(pids[1]).toBe(pids[0])
  expect(pids[2]).not.toBe(pids[0])
})

test('only its borrower can check in a connection, and only once', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  first.release()
  const second = await connections.connect()

  expect(() => first.release()).toThrow(/release/i)
  expect(() => first.release(true)).toThrow(/release/i)

  expect(connections.leasedCount).toBe(1)
  expect(await rejection(first.query('SELECT 1'))).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect((await second.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  second.release()
})

test('a returned connection stays open, also above min, until it has idled too long', async () => {
  const { connections } = world.pool({ min: 0, max: 4 })
  const clients = await Promise.all([connections.connect(), connections.connect(), connections.connect()])
  for (const client of clients) client.release()

  const again = await Promise.all([connections.connect(), connections.connect(), connections.connect()])

  expect(connections.counts().opened).toBe(3)
  for (const client of again) client.release()
})

test('an open or failed transaction is rolled back at the return', async () => {
  const { connections } = world.pool({ max: 2 })
  await connections.query('CREATE TABLE ledger (n int)')
  for (const statement of ['SELECT 1', 'SELECT 1/0']) {
    const client = await connections.connect()
    await client.query('BEGIN; INSERT INTO ledger VALUES (1)')
    await client.query(statement).catch(() => undefined)
    client.release()
  }

  expect((await connections.query('SELECT n FROM ledger')).rows).toEqual([])
  expect(connections.counts().opened, 'on the same connection').toBe(1)
})

test('a failed rollback costs the connection, but not its place in the pool', async () => {
  const { connections } = world.pool({ max: 2 })
  const client = await connections.connect()
  await client.query('BEGIN')
  const gone = rejection(client.query('SELECT pg_sleep(60)'))
  await world.terminate(client.processID)
  client.release()
  await gone

  expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  expect(connections.totalCount).toBe(1)
})

test('an advisory lock does not outlive the checkout', async () => {
  const { connections } = world.pool({ max: 2 })

  await connections.use((client) => client.query('SELECT pg_advisory_lock(11)'))
  await connections.query('SELECT 1')

  expect(await world.locks()).toEqual([])
})

test('a dead idle connection is not checked out', async () => {
  const { connections } = world.pool({ max: 2 })
  const client = await connections.connect()
  const pid = client.processID
  client.release()
  const closed = new Promise((resolve) => connections.on('connection:closed', resolve))
  await world.terminate(pid)
  await closed

  const next = await connections.connect()

  expect(next.processID).not.toBe(pid)
  next.release()
})

test('close lets borrowers finish, ends the rest, refuses new callers, and may be called again', async () => {
  const locks = world.pool({ max: 3 })
  const { connections } = locks
  const [quick, slow] = await Promise.all([connections.connect(), connections.connect()])
  const waiting = rejection(connections.connect())
  const work = quick.query('SELECT pg_sleep(0.05)').then(() => quick.release())
  const endless = rejection(slow.query('SELECT pg_sleep(60)'))

  const closing = locks.close({ graceMs: 300 })

  expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await rejection(connections.connect())).toMatchObject({ code: 'POOL_CLOSED' })
  await work
  await Promise.all([closing, locks.close(), endless])
  slow.release()
  expect(connections.totalCount).toBe(0)
})
