import pg from 'pg'
import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'
import { query } from '../support/query.js'

const world = lockWorld()

interface Watched {
  readonly locks: LockPool
  readonly warnings: string[]
  readonly lost: string[]
}

/** A pool, with the warnings and losses that it reports. */
function watched(options: Parameters<typeof world.pool>[0] = {}): Watched {
  const locks = world.pool(options)
  const warnings: string[] = []
  const lost: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  locks.on('session:lost', ({ reason }) => lost.push(reason))
  return { locks, warnings, lost }
}

async function tokenOf(locks: LockPool, key = 'token'): Promise<bigint> {
  await using lock = await locks.acquire(key)
  return lock.token
}

/** Acquires in every way that a batch can. */
async function everyWay(locks: LockPool): Promise<void> {
  const semaphore = locks.semaphore('permits', 3)
  const group = await locks.acquireAll(['a', 'b', [1, 2], 5n])
  const shared = await locks.acquire('shared', { mode: 'shared' })
  const tried = await locks.tryAcquire('tried')
  const permits = await Promise.all([semaphore.acquire(), semaphore.acquire()])
  expect(tried!.state).toBe('held')
  await Promise.all([group, shared, tried!, ...permits].map((each) => each.release()))
}

async function withTransaction(statement: string, body: () => Promise<void>): Promise<void> {
  const client = new pg.Client(world.database.url)
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query(statement)
    await body()
  } finally {
    await client.query('ROLLBACK')
    await client.end()
  }
}

/** Creates the schema again, whatever was there before. */
async function reinstall(): Promise<void> {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  await world.pool().ready()
}

const GONE = [
  ['the schema is dropped', 'DROP SCHEMA lockpool CASCADE', 'ROLLBACK'],
  ['the sequence is dropped', 'DROP SEQUENCE lockpool.fence', 'ROLLBACK'],
  [
    'the sequence is renamed',
    'ALTER SEQUENCE lockpool.fence RENAME TO fence_before; REVOKE ALL ON SEQUENCE lockpool.fence_before FROM postgres',
    'ROLLBACK',
  ],
  [
    'the sequence comes to its end',
    `ALTER SEQUENCE lockpool.fence MAXVALUE 9000000000000000000 RESTART WITH 8999999999999999999`,
    'ALTER SEQUENCE lockpool.fence NO MAXVALUE RESTART WITH 1024',
  ],
] as const

test.each(GONE)('%s: no lock is lost, and tokens return, greater than before', async (_, away, back) => {
  await reinstall()
  const { locks, warnings, lost } = watched()
  const other = world.pool()
  const held = await locks.acquire('held all along')
  const before = await tokenOf(locks)

  await world.database.query(away)
  await everyWay(locks)
  const without = await locks.acquire('without')
  await world.database.query(back)
  await expect.poll(() => tokenOf(locks).catch(() => 0n), { timeout: 10_000 }).toBeGreaterThan(before)

  expect(held.state).toBe('held')
  expect(without.state).toBe('held')
  expect(lost).toEqual([])
  expect(warnings.length).toBeLessThanOrEqual(1)
  expect(await tokenOf(other, 'other')).toBeGreaterThan(before)
  await Promise.all([held.release(), without.release()])
})

test('while there are none, reading a token says why, after one warning', async () => {
  await reinstall()
  await world.database.query(`
    CREATE ROLE revoked LOGIN PASSWORD 'revoked';
    GRANT USAGE ON SCHEMA lockpool TO revoked;
    GRANT ALL ON ALL TABLES IN SCHEMA lockpool TO revoked;
    GRANT ALL ON SEQUENCE lockpool.fence TO revoked`)
  const url = new URL(world.database.url)
  url.username = url.password = 'revoked'
  try {
    const { locks, warnings, lost } = watched({ connection: url.href })
    const before = await tokenOf(locks)
    await world.database.query('REVOKE ALL ON SEQUENCE lockpool.fence FROM revoked')

    const held: Lock[] = []
    for (let i = 0; i < 5; i++) held.push(await locks.acquire(`key ${i}`))

    for (const lock of held) {
      expect(lock.tokenText).toBeNull()
      expect(() => lock.token).toThrowError(/permission denied/)
    }
    expect(warnings).toEqual([expect.stringMatching(/no fencing tokens.*permission denied/)])
    await world.database.query('GRANT ALL ON SEQUENCE lockpool.fence TO revoked')
    await expect.poll(() => tokenOf(locks).catch(() => 0n), { timeout: 10_000 }).toBeGreaterThan(before)
    expect(lost).toEqual([])
  } finally {
    await world.closeAll()
    await world.database.query('DROP OWNED BY revoked; DROP ROLE revoked')
  }
})

test.each([
  ['set back by hand', `SELECT setval('lockpool.fence', 1024)`],
  ['restarted', 'ALTER SEQUENCE lockpool.fence RESTART'],
  ['turned round', 'ALTER SEQUENCE lockpool.fence INCREMENT -1024 MINVALUE -9223372036854775807'],
])('a sequence that is %s gives no smaller token to who has seen a greater one', async (_, statement) => {
  await reinstall()
  const { locks, lost } = watched()
  const semaphore = locks.semaphore('permits', 2)
  const held = await locks.acquire('held')
  const before = await tokenOf(locks)
  await world.database.query(statement)

  const permit = await semaphore.acquire()
  const lock = await locks.acquire('token')
  const texts = [permit.tokenText, lock.tokenText].filter((text) => text !== null)

  for (const text of texts) expect(BigInt(text)).toBeGreaterThan(before)
  if (statement.includes('-1024')) expect(() => lock.token).toThrowError(/not as lockpool creates it/)
  else expect(texts).toHaveLength(2)
  expect(held.state).toBe('held')
  expect(lost).toEqual([])
  await Promise.all([held, permit, lock].map((each) => each.release()))
})

const OBJECTS = ['timeline', 'run', 'guard', 'hold', 'leader'] as const

test.each([
  ['the sequence is being altered', 'ALTER SEQUENCE lockpool.fence CACHE 1'],
  ['the schema is being dropped', 'DROP SCHEMA lockpool CASCADE'],
  ...OBJECTS.map((name) => [
    `lockpool.${name} is locked`,
    `LOCK TABLE lockpool.${name} IN ACCESS EXCLUSIVE MODE`,
  ]),
])('while %s, no lock is lost, and every caller gets one', async (_, statement) => {
  await reinstall()
  const { locks, lost } = watched({ leaseMs: 2000 })
  const held = await locks.acquireAll(Array.from({ length: 50 }, (__, i) => `held ${i}`))
  const before = await tokenOf(locks)

  await withTransaction(statement, async () => {
    await everyWay(locks)
    const another = world.pool({ leaseMs: 2000 })
    expect((await another.acquire('another')).state).toBe('held')
    await another.close({ graceMs: 0 })
    await expect.poll(() => locks.snapshot().sessions.every(({ silentMs }) => silentMs < 700)).toBe(true)
  })

  expect(held.locks.every(({ state }) => state === 'held')).toBe(true)
  expect(lost).toEqual([])
  await expect.poll(() => tokenOf(locks).catch(() => 0n), { timeout: 10_000 }).toBeGreaterThan(before)
  await held.release()
})

test('while the marks are locked, a strict pool reports it, keeps its locks, and continues afterwards', async () => {
  await reinstall()
  const { locks, lost } = watched({ strict: true, leaseMs: 2000 })
  const held = await locks.acquireAll(Array.from({ length: 50 }, (_, i) => `held ${i}`))

  await withTransaction('LOCK TABLE lockpool.hold IN ACCESS EXCLUSIVE MODE', async () => {
    const error = await locks.acquire('orders').then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({
      code: 'STRICT_UNAVAILABLE',
      retryable: true,
      message: expect.stringMatching(/another session has locked lockpool\.hold/),
    })
    expect(await locks.tryAcquire('orders').catch((reason: { code: string }) => reason.code)).toBe(
      'STRICT_UNAVAILABLE',
    )
  })

  expect(held.locks.every(({ state }) => state === 'held')).toBe(true)
  expect(lost).toEqual([])
  expect((await locks.acquire('orders')).state).toBe('held')
})

test('strict mode names the missing object', async () => {
  await reinstall()
  const { locks, lost } = watched({ strict: true, leaseMs: 2000 })
  const held = await locks.acquire('held')
  await world.database.query('DROP TABLE lockpool.hold')

  expect(await locks.acquire('orders').catch((reason: unknown) => reason)).toMatchObject({
    code: 'STRICT_UNAVAILABLE',
    retryable: false,
    message: expect.stringMatching(/lockpool\.hold/),
  })
  expect(held.state).toBe('held')
  expect(lost).toEqual([])
})

test('a pool that is closed while its statement waits leaves nothing at the server', async () => {
  await reinstall()
  const { locks } = watched({ leaseMs: 15_000 })
  const held = await locks.acquire('held')
  await withTransaction('ALTER SEQUENCE lockpool.fence CACHE 1', async () => {
    const waiting = locks.acquire('orders').catch(() => null)
    await locks.close({ graceMs: 0 })
    await waiting
    // The server checks twice a second whether the client is still there. The test does not wait for the lock_timeout.
    await expect.poll(() => world.locks(), { timeout: 5000 }).toEqual([])
  })
  expect(held.state).toBe('lost')
})

test('tokens do not fall where a pool comes to another copy of the schema', async () => {
  await using copy = await createDatabase()
  await reinstall()
  const before = await tokenOf(world.pool())
  const rows = await query<{ row: object }>(
    world.database.url,
    'SELECT to_jsonb(timeline) AS row FROM lockpool.timeline',
  )
  const there = world.pool({ connection: copy.url })
  await there.ready()
  await there.close()
  // The copy looks like an old dump that was restored, or like a logical replica: logical replication does not copy sequences.
  await copy.query(`SELECT setval('lockpool.fence', 1024)`)
  await copy.query(
    `UPDATE lockpool.timeline SET (name, system, started, floor, since) =
       (SELECT name, system, started, floor, since FROM jsonb_populate_record(NULL::lockpool.timeline, $1))`,
    [JSON.stringify(rows[0]!.row)],
  )

  expect(await tokenOf(world.pool({ connection: copy.url }))).toBeGreaterThan(before)
})

test('a schema of an older version is updated, and works if the role may not update it', async () => {
  await reinstall()
  const before = await tokenOf(world.pool())
  await world.closeAll()
  await world.database.query(`
    DROP TABLE lockpool.run;
    ALTER TABLE lockpool.timeline DROP system, DROP started, DROP floor, DROP strict_lease_ms, DROP settling_ms;
    CREATE ROLE elder LOGIN PASSWORD 'elder';
    GRANT USAGE ON SCHEMA lockpool TO elder;
    GRANT ALL ON ALL TABLES IN SCHEMA lockpool TO elder;
    GRANT ALL ON SEQUENCE lockpool.fence TO elder`)
  const url = new URL(world.database.url)
  url.username = url.password = 'elder'
  try {
    const elder = watched({ connection: url.href })
    expect(await tokenOf(elder.locks)).toBeGreaterThan(before)
    expect(elder.warnings).toEqual([expect.stringMatching(/older version.*lockpool install/)])
    const strict = world.pool({ connection: url.href, strict: true, leaseMs: 2000 })
    expect((await strict.acquire('strict')).state).toBe('held')

    const owner = watched()
    expect(await tokenOf(owner.locks)).toBeGreaterThan(before)
    expect(owner.warnings).toEqual([])
    const { rows } = await world.database.query('SELECT run FROM lockpool.run')
    expect(rows).toHaveLength(1)
  } finally {
    await world.closeAll()
    await world.database.query('DROP OWNED BY elder; DROP ROLE elder')
  }
})
