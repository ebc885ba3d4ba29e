import pg from 'pg'
import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/lock.js'
import { lockWorld } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'

const world = lockWorld()

const POOLS = 8

/** All that it may have: asks for one after the other of `wanted` new keys, a crowd at a time. */
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

/** Does what other programs do, over and over, and counts what went wrong. Ends with its connection as well. */
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
  'pools that take all they may leave room for everybody else: %i entries for each of %i connections',
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
    expect(rows[0].count).toBeLessThanOrEqual(capacity / 2)
    expect(rows[0].count, 'and not next to nothing').toBeGreaterThan(capacity / 5)

    await Promise.all(pools.slice(1).map((locks) => locks.close({ graceMs: 0 })))
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const more = await takeAll(pools[0]!, 'more', capacity)
    // One that is alone may have half of what all may announce: the other half is for whoever comes next.
    const alone = Math.floor((capacity * 3) / 8 / 2)
    expect(held[0]!.length + more.held.length, 'what they have left can be had').toBeGreaterThanOrEqual(alone)
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

  const few = await Promise.all(Array.from({ length: 20 }, (_, i) => locks.acquire(`few ${i}`)))
  expect(await announcements()).toBe(0)

  const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => locks.acquire(`many ${i}`)))
  expect(await announcements()).toBe(locks.snapshot().sessions.length)

  await Promise.all([...few, ...many].map((lock) => lock.release()))
  await locks.close()
  await expect.poll(announcements).toBe(0)
})
