import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { collect } from '../support/garbage.js'

const world = lockWorld()

test('a borrowed connection answers queries as a client of pg does', async () => {
  const { connections } = world.pool()

  const answers = await connections.use(async (connection) => [
    (await connection.query('SELECT $1::int + 1 AS sum', [41])).rows,
    (await connection.query({ text: 'SELECT 1, 2', rowMode: 'array' })).rows,
    (await connection.query({ name: 'twice', text: 'SELECT $1::text AS t', values: ['x'] })).rowCount,
    (await connection.query('SELECT pg_backend_pid() AS pid')).rows[0]!['pid'] === connection.processID,
  ])

  expect(answers).toEqual([[{ sum: 42 }], [[1, 2]], 1, true])
})

test('a release waits for a running statement, and one that takes too long costs the connection', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  const short = first.query('SELECT pg_sleep(0.2)')
  first.release()
  const second = await connections.connect()
  await short
  expect(second.processID).toBe(first.processID)

  const long = rejection(second.query('SELECT pg_sleep(60)'))
  second.release()
  const third = await connections.connect()

  expect(third.processID).not.toBe(second.processID)
  await long
  await world.terminate(second.processID)
  third.release()
})

test('a borrower can do nothing with a connection after its release', async () => {
  const { connections } = world.pool()
  const kept = await connections.connect()
  kept.release()
  const next = await connections.connect()

  expect(await rejection(kept.query('SELECT 1'))).toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringMatching(/released/),
  })
  expect(() => kept.release(true)).toThrow('already been released')

  expect((await next.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  next.release()
})

test('notifications reach the borrower that listens, and none after', async () => {
  const { connections } = world.pool()
  const heard: string[] = []
  const listening = await connections.connect()
  listening.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload}`))
  await listening.query('LISTEN news')
  await world.database.query(`NOTIFY news, 'one'`)
  await expect.poll(() => heard).toEqual(['news one'])
  listening.release()

  const next = await connections.connect()
  await world.database.query(`NOTIFY news, 'two'`)
  await next.query('SELECT 1')

  expect(heard).toEqual(['news one'])
  next.release()
})

test('a backend that dies under a borrower, or idle, ends nothing else', async () => {
  const { connections } = world.pool()
  const borrowed = await connections.connect()
  const idle = await connections.connect()
  idle.release()
  const closed: string[] = []
  connections.on('connection:closed', ({ reason }) => closed.push(reason))

  await world.terminate(borrowed.processID, idle.processID)

  await expect.poll(() => closed).toEqual(['ended by itself', 'ended by itself'])
  await rejection(borrowed.query('SELECT 1'))
  borrowed.release()
  expect(
    await connections.use(async (connection) => (await connection.query('SELECT 1 AS one')).rows),
  ).toEqual([{ one: 1 }])
})

test('locks work while all connections for borrowers are borrowed', async () => {
  const locks = world.pool({ max: 3 })
  const borrowed = await Promise.all([locks.connections.connect(), locks.connections.connect()])

  await Promise.all(Array.from({ length: 50 }, (_, i) => locks.withLock(`key ${i % 5}`, () => undefined)))

  expect(await world.sessions()).toHaveLength(3)
  borrowed.forEach((connection) => connection.release())
})

test('max: 1 serves locks, borrowers and all other calls at once', async () => {
  const [locks, other] = [world.pool({ max: 1 }), world.pool()]
  const held = await other.acquire('busy')
  setTimeout(() => void held.release(), 300)

  const results = await Promise.all([
    ...Array.from({ length: 20 }, (_, i) => locks.withLock(`key ${i % 4}`, () => 'lock')),
    ...Array.from({ length: 10 }, () =>
      locks.connections.use(
        async (connection) => (await connection.query(`SELECT 'query' AS q`)).rows[0]!['q'],
      ),
    ),
    locks.withLock('busy', () => 'busy'),
    locks.tryAcquire('free').then(async (lock) => {
      await lock!.release()
      return 'try'
    }),
  ])

  expect(new Set(results)).toEqual(new Set(['lock', 'query', 'busy', 'try']))
  expect((await world.sessions()).length).toBeLessThanOrEqual(1 + 5)
})

test('end() does not wait for a borrower that has forgotten its connection', async () => {
  const { connections } = world.pool({ max: 2, leakWarningMs: 60_000 })
  let forgotten = 0
  connections.on('connection:forgotten', () => forgotten++)
  await (async () => {
    const client = await connections.connect()
    await client.query('SELECT 1')
  })()
  await collect(() => forgotten > 0)

  await connections.end()
  expect(connections.ended).toBe(true)
})

test('a connection that its borrower has forgotten comes back, clean, and is reported', async () => {
  const { connections } = world.pool({ max: 2, leakWarningMs: 60_000 })
  const forgotten: string[] = []
  connections.on('connection:forgotten', ({ where }) => forgotten.push(where))
  await (async () => {
    const client = await connections.connect()
    await client.query('BEGIN; SELECT pg_advisory_lock(5)')
  })()

  await collect(() => forgotten.length > 0)

  expect(forgotten).toEqual([expect.stringMatching(/borrowing\.test\.ts/)])
  expect((await connections.query('SELECT now() = statement_timestamp() AS fresh')).rows).toEqual([
    { fresh: true },
  ])
  expect(await world.locks()).toEqual([])
})
