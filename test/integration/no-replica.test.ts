import { expect, test } from 'vitest'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { startServer } from '../support/own-server.js'
import { query } from '../support/query.js'

/**
 * Goal: a required replica that does not answer costs no lock, although every other commit waits without end.
 * Method: the required replica does not exist. Each way of using locks draws tokens, writes hold records and attaches
 * sessions.
 */
test('while a required synchronous replica is gone, locks are granted, kept and released', async () => {
  await using server = await startServer()
  const options = { connection: server.url, leaseMs: 2000 }
  const [locks, strict] = [new LockPool(options), new LockPool({ ...options, strict: true })]
  const lost: string[] = []
  for (const pool of [locks, strict]) pool.on('session:lost', ({ reason }) => lost.push(reason))
  const held = await locks.acquireAll(Array.from({ length: 100 }, (_, i) => `held ${i}`))
  await (await strict.acquire('strict')).release()
  await query(server.url, `ALTER SYSTEM SET synchronous_standby_names = 'gone'`)
  await query(server.url, 'SELECT pg_reload_conf()')
  await expect
    .poll(() => query(server.url, 'SHOW synchronous_standby_names'))
    .toEqual([{ synchronous_standby_names: 'gone' }])

  let last = 0n
  // Every 33rd draw from the sequence writes to the write-ahead log, so its commit has something to replicate.
  for (let i = 0; i < 70; i++) {
    const lock = await locks.acquire(`key ${i}`)
    expect(lock.token).toBeGreaterThan(last)
    last = lock.token
    await lock.release()
  }
  for (let i = 0; i < 5; i++) await (await strict.acquire(`strict ${i}`)).release()
  const late = new LockPool({ ...options, strict: true })
  await (await late.acquire('late')).release()

  expect(held.locks.every(({ state }) => state === 'held')).toBe(true)
  await Promise.all([locks, strict, late].map((pool) => pool.close({ graceMs: 0 })))
  expect(lost, 'only as it was closed').toEqual(['the pool was closed'])
  await expect
    .poll(() => query(server.url, `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory'`))
    .toEqual([{ n: 0 }])
})
