import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { SCHEMA_CLASS } from '../../src/dialect/postgres/keys/key.js'
import { createDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Runs `body` while a role without rights holds the lock for which processes wait that create the schema. */
async function withStranger(body: (poorUrl: string) => Promise<void>): Promise<void> {
  await world.database.query(`
    DROP SCHEMA IF EXISTS lockpool CASCADE;
    CREATE ROLE stranger LOGIN PASSWORD 'stranger'`)
  const url = new URL(world.database.url)
  url.username = url.password = 'stranger'
  const { default: pg } = await import('pg')
  const stranger = new pg.Client(url.href)
  await stranger.connect()
  try {
    await stranger.query('SELECT pg_advisory_lock($1, 0)', [SCHEMA_CLASS])
    await body(url.href)
  } finally {
    await stranger.end()
    await world.closeAll()
    await world.database.query('DROP OWNED BY stranger; DROP ROLE stranger')
  }
}

test('a foreign lock does not prevent locking, or the creation of the schema', async () => {
  await withStranger(async (poorUrl) => {
    const poor = await world.pool({ connection: poorUrl }).acquire('orders')
    expect(() => poor.token).toThrowError(/permission denied.*lockpool install/)

    const pools = [1, 2, 3].map(() => world.pool())
    const locks = await Promise.all(pools.map((pool, i) => pool.acquire(`invoice ${i}`)))
    for (const { token } of locks) expect(token).toBeGreaterThan(0n)

    await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
    await world.database.query('DROP SCHEMA lockpool CASCADE')
    const { status } = spawnSync(process.execPath, [MAIN, 'install', '--url', world.database.url])
    expect(status).toBe(0)
  })
})

test('many pools that start at once create the schema once', async () => {
  await using database = await createDatabase()
  const pools = Array.from({ length: 12 }, () => world.pool({ connection: database.url, max: 2 }))

  const locks = await Promise.all(pools.map((pool, i) => pool.acquire(`key ${i}`)))

  expect(new Set(locks.map(({ token }) => token > 0n))).toEqual(new Set([true]))
  await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
})
