import pg from 'pg'
import { expect, test } from 'vitest'
import { lockWorld, lossOf } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { makeNoise } from '../support/noise.js'
import { WirePooler, type PoolerRules } from '../support/wire-pooler.js'

const world = lockWorld()

test.each<[string, Partial<PoolerRules>, number]>([
  ['per transaction', {}, 0],
  ['per transaction, each in turn', { next: 'in turn' }, 0],
  ['per transaction, among others', {}, 4],
  ['per transaction, each in turn, among others', { next: 'in turn' }, 4],
  ['per statement', { mode: 'statement' }, 0],
])('a pooler that lends server sessions %s is refused', async (_, rules, noise) => {
  await using pooler = await WirePooler.to(world.database.url, rules)
  const stop = rules.mode === 'statement' ? null : await makeNoise(pooler.url, noise)
  for (let attempt = 0; attempt < 5; attempt++) {
    const locks = world.pool({ connection: pooler.url })

    expect(await rejection(locks.ready())).toMatchObject({ code: 'POOLER_DETECTED', retryable: false })
    expect(await rejection(locks.acquire('orders'))).toMatchObject({
      code: 'POOLER_DETECTED',
      message: expect.stringMatching(/session pooling/),
    })
    await locks.close()
  }
  await stop?.()
})

test('a pooler that gives each client its own server session works', async () => {
  await using pooler = await WirePooler.to(world.database.url, { mode: 'session' })
  const [a, b] = [world.pool({ connection: pooler.url, leaseMs: 1000 }), world.pool()]

  const held = await a.acquire('orders')
  expect(await b.tryAcquire('orders')).toBeNull()
  const waiting = b.acquire('orders')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(held.state, 'heartbeats go through').toBe('held')
  const [session] = a.snapshot().sessions
  expect(await world.sessions(), 'it knows the process that holds its locks').toContain(session!.serverId)

  await held.release()
  expect((await waiting).token).toBeGreaterThan(held.token)
  await a.close()
})

test('with one connection a pooler cannot be detected, and a warning says so', async () => {
  await using pooler = await WirePooler.to(world.database.url, { mode: 'session' })
  const locks = world.pool({ connection: pooler.url, max: 1 })

  expect(await rejection(locks.ready())).toMatchObject({
    code: 'POOLER_DETECTED',
    message: expect.stringMatching(/"max" to 2/),
  })
  await locks.close()
})

test('the second connection goes back: two are enough, also for the locks that follow', async () => {
  await using pooler = await WirePooler.to(world.database.url, { mode: 'session' })
  const locks = world.pool({ connection: pooler.url, max: 2 })

  const lock = await locks.acquire('orders')
  await locks.connections.use((connection) => connection.query('SELECT 1'))

  expect(locks.snapshot().connections).toMatchObject({ total: 2, leased: 1, waiting: 0 })
  await lock.release()
  await locks.close()
})

test('a server that grants every request behind a pooler is detected', async () => {
  await world.database.query(`
    CREATE SCHEMA stub;
    CREATE FUNCTION stub.yes(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'`)
  await using pooler = await WirePooler.to(world.database.url, {
    mode: 'session',
    rewrite: (sql) => sql.replaceAll('pg_catalog.pg_try_advisory_lock', 'stub.yes'),
  })
  const locks = world.pool({ connection: pooler.url })

  expect(await rejection(locks.acquire('orders'))).toMatchObject({
    code: 'POOLER_DETECTED',
    message: expect.stringMatching(/two connections both got the same lock/),
  })
  await locks.close()
})

test('when a pooler changes its mode while locks are held, all are lost and no more are granted', async () => {
  await using pooler = await WirePooler.to(world.database.url, { mode: 'session', next: 'in turn' })
  const locks = world.pool({ connection: pooler.url, leaseMs: 3000, max: 3 })
  const held = await Promise.all(['a', 'b'].map((key) => locks.acquire(key)))
  const lost = Promise.all(held.map(lossOf))

  pooler.rules.mode = 'transaction'
  const others = [new pg.Client(pooler.url), new pg.Client(pooler.url)]
  for (const other of others) {
    other.on('error', () => undefined)
    await other.connect()
  }
  await lost

  expect(held[0]!.signal.reason).toMatchObject({
    code: 'LOCK_LOST',
    message: expect.stringMatching(/another server session .* has switched server sessions/),
  })
  expect(await rejection(locks.acquire('a'))).toMatchObject({ code: 'POOLER_DETECTED' })
  await locks.close({ graceMs: 0 })
})

test('refused attempts leave nothing in server sessions', async () => {
  await using pooler = await WirePooler.to(world.database.url)
  const locks = world.pool({ connection: pooler.url })
  await rejection(locks.ready())
  await locks.close()

  const client = new pg.Client(pooler.url)
  await client.connect()
  const { rows } = await client.query(`SELECT name FROM pg_settings WHERE source = 'session'`)

  expect(rows).toEqual([])
  expect(await world.locks()).toEqual([])
  await client.end()
})
