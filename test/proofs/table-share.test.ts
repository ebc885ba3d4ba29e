import pg from 'pg'
import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import { POOL_CLASS, SHARE_CLASS } from '../../src/dialect/postgres/keys/key.js'
import { shareRules } from '../../src/lock/share-plan.js'
import { lockWorld } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'

const world = lockWorld()

const POOLS = 8

/** Requests `wanted` new keys at once. Returns the granted locks, and the codes of the refusals. */
async function takeAll(
  locks: LockPool,
  name: string,
  wanted: number,
): Promise<{ held: Lock[]; refused: string[] }> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: wanted }, (_, i) => locks.acquire(`${name} ${i}`)),
  )
  return {
    held: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    refused: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])),
  }
}

/** Repeats the statements of an ordinary program, and counts the failures. It also ends when its connection ends. */
function live(stranger: pg.Client): () => Promise<{ rounds: number; failures: string[] }> {
  let isOver = false
  let rounds = 0
  const failures: string[] = []
  stranger.on('error', (error) => {
    isOver = true
    failures.push(error.message)
  })
  const life = (async () => {
    while (!isOver) {
      for (const statement of [
        `CREATE TABLE stranger_${rounds} (id int PRIMARY KEY, name text UNIQUE)`,
        `INSERT INTO stranger_${rounds} VALUES (1, 'one')`,
        `VACUUM ANALYZE stranger_${rounds}`,
        `SELECT count(*) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid JOIN pg_type ON pg_type.oid = atttypid`,
        `DROP TABLE stranger_${rounds}`,
      ]) {
        await stranger.query(statement).catch((error: Error) => failures.push(error.message))
      }
      rounds++
    }
  })()
  return async () => {
    isOver = true
    await life
    return { rounds, failures }
  }
}

test.each([
  [10, 60],
  [64, 40],
])(
  'pools that take their maximum leave room for all others: %i entries for each of %i connections',
  async (max_locks_per_transaction, max_connections) => {
    await using server = await startServer({ max_locks_per_transaction, max_connections })
    const capacity = max_locks_per_transaction * max_connections
    const stranger = new pg.Client(server.url)
    await stranger.connect()
    const stop = live(stranger)
    const pools = Array.from({ length: POOLS }, () => world.pool({ connection: server.url, max: 3 }))
    const held: Lock[][] = pools.map(() => [])
    const refused = new Set<number>()

    for (let round = 0; round < 3; round++) {
      await Promise.all(
        pools.map(async (locks, i) => {
          const taken = await takeAll(locks, `${i} ${round}`, capacity / 2)
          held[i]!.push(...taken.held)
          expect(new Set(taken.refused)).toEqual(new Set(['LOCK_TABLE_FULL']))
          refused.add(i)
        }),
      )
      await new Promise((resolve) => setTimeout(resolve, 1100))
    }

    const { rows } = await stranger.query(
      `SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'advisory'`,
    )
    expect(refused.size, 'each was refused at last').toBe(POOLS)
    expect(Math.min(...held.map((locks) => locks.length)), 'each has something').toBeGreaterThan(0)
    // Pools may announce half of the capacity. In addition, each of a pool's two sessions may use some entries unannounced.
    expect(rows[0].count).toBeLessThanOrEqual(capacity / 2 + POOLS * 2 * (max_locks_per_transaction / 2 + 2))
    expect(rows[0].count, 'and not next to nothing').toBeGreaterThan(capacity / 5)

    await Promise.all(pools.slice(1).map((locks) => locks.close({ graceMs: 0 })))
    // A single pool may use three quarters of what all pools may announce together. The rest is for pools that start later.
    const { alone } = shareRules({ capacity, perSession: max_locks_per_transaction })
    const takeMore = async (): Promise<number> => {
      held[0]!.push(...(await takeAll(pools[0]!, `more ${held[0]!.length}`, capacity)).held)
      return held[0]!.length
    }
    // The more its last looks at the lock table have cost, the less often a pool looks again.
    await expect.poll(takeMore, { timeout: 60_000, interval: 500 }).toBeGreaterThanOrEqual(alone)
    expect(held[0]!.every((lock) => lock.state === 'held')).toBe(true)

    const { rounds, failures } = await stop()
    expect(failures).toEqual([])
    expect(rounds).toBeGreaterThan(3)
    await pools[0]!.close({ graceMs: 0 })
    await stranger.end()
  },
  120_000,
)

test('a pool of few locks announces nothing, one of many does, and takes it back', async () => {
  const locks = world.pool()
  const announcements = async (): Promise<number> => {
    const { rows } = await world.database.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = x'6c6b7073'::int8
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
    return rows[0]!.count
  }

  const few = await Promise.all(Array.from({ length: 100 }, (_, i) => locks.acquire(`few ${i}`)))
  expect(await announcements()).toBe(0)

  const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => locks.acquire(`many ${i}`)))
  expect(await announcements()).toBe(locks.snapshot().sessions.length)

  await Promise.all([...few, ...many].map((lock) => lock.release()))
  await locks.close()
  await expect.poll(announcements).toBe(0)
})

/**
 * Goal: a role that may only connect cannot take the lock table away from other roles by announcements.
 * Method: on a small server, roles without rights announce the maximum under many names, from this database and from
 * another one. They also use the name of the pool, and hold the numbers with which a pool would announce itself.
 */
test('forged announcements starve no pool, whatever their database and name', async () => {
  await using server = await startServer({ max_locks_per_transaction: 64, max_connections: 40 })
  const owner = new pg.Client(server.url)
  owner.on('error', () => undefined)
  await owner.connect()
  await owner.query(`CREATE ROLE stranger LOGIN PASSWORD 'stranger'`)
  await owner.query('CREATE DATABASE elsewhere')
  const strangers = ['', '', '', 'elsewhere', 'elsewhere'].map((database) => {
    const url = new URL(server.url)
    url.username = url.password = 'stranger'
    if (database !== '') url.pathname = `/${database}`
    return new pg.Client(url.href)
  })
  for (const stranger of strangers) stranger.on('error', () => undefined)
  await Promise.all(strangers.map((stranger) => stranger.connect()))
  const [first, ...others] = strangers as [pg.Client, ...pg.Client[]]
  const locks = world.pool({ connection: server.url, max: 3 })
  const few = await takeAll(locks, 'few', 70)
  expect(few.refused).toEqual([])
  const { rows } = await owner.query<{ pool: number }>(
    `SELECT objid::int8::bit(32)::int AS pool FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = ${POOL_CLASS} LIMIT 1`,
  )

  // This stranger observes the announcements, and takes the numbers that come next.
  await first.query(
    `SELECT pg_try_advisory_lock(${SHARE_CLASS}, n) FROM generate_series(1, 300) AS n WHERE n % 16 > 0`,
  )
  for (const [i, stranger] of others.entries()) {
    await stranger.query(`SELECT pg_try_advisory_lock_shared(${POOL_CLASS}, $1::int)`, [rows[0]?.pool ?? 1])
    await stranger.query(
      `SELECT pg_try_advisory_lock_shared(${POOL_CLASS}, $1::int + n), pg_try_advisory_lock_shared(${SHARE_CLASS}, 2147483647 - n)
       FROM generate_series(0, 9) AS n`,
      [100 * i],
    )
  }
  // Pools may announce half of the 2560 entries, and strangers can take away at most half of that.
  const more = await takeAll(locks, 'more', 300)

  expect(more.refused).toEqual([])
  await locks.close({ graceMs: 0 })
  await Promise.all([owner, ...strangers].map((client) => client.end()))
}, 60_000)
