/** Locks in rows, when a replica that lacks the last writes replaces the server. */
import { expect, test } from 'vitest'
import { Cluster } from '../../chaos/cluster.js'
import { Proxy } from '../../chaos/proxy.js'
import type { Lock } from '../../src/lock/handle/lock.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase } from '../support/database.js'
import { acquireWhenUp } from '../support/lock-world.js'
import { startEmbedded } from '../support/own-server.js'

const LEASE_MS = 4000
const KEYS = 20

test('after a replica without the last grants takes over, nothing is granted while an earlier holder relies on its lock, and tokens grow', async () => {
  const cluster = await Cluster.startedBy(startEmbedded)
  const way = await Proxy.to(cluster.port)
  const url = new URL(cluster.urlOf('postgres'))
  url.port = String(way.port)
  const open = (): LockPool => new LockPool({ connection: url.href, backend: 'table', leaseMs: LEASE_MS })
  const [holder, rival] = [open(), open()]
  const believed: Lock[] = []
  try {
    await Promise.all([holder.ready(), rival.ready()])
    const before = await rival.acquire('known to the replica')
    await cluster.addStandbys(1)
    await cluster.failOver({
      whileBehind: async () => {
        for (let i = 0; i < KEYS; i++) believed.push(await holder.acquire(`key ${i}`))
      },
      signal: 'SIGKILL',
    })
    way.aimAt(cluster.port)
    const newcomer = open()
    const pools = [rival, newcomer, holder]

    const again = await Promise.all(
      believed.map(async ({ key }, i) => {
        const lock = await acquireWhenUp(pools[i % pools.length]!, String(key))
        return { lock, overlaps: believed[i]!.state === 'held' }
      }),
    )

    expect(again.filter(({ overlaps }) => overlaps)).toEqual([])
    for (const [i, { lock }] of again.entries()) expect(lock.token).toBeGreaterThan(believed[i]!.token)
    expect(before.state, 'what the replica knows of is of before as well').toBe('lost')
    await newcomer.close({ graceMs: 0 })
  } finally {
    await Promise.all([holder, rival].map((pool) => pool.close({ graceMs: 0 })))
    await way.close()
    await cluster.stop()
  }
}, 90_000)

test('two replicas that take over one after the other, and know nothing of each other, give no token twice', async () => {
  const cluster = await Cluster.startedBy(startEmbedded)
  const way = await Proxy.to(cluster.port)
  const url = new URL(cluster.urlOf('postgres'))
  url.port = String(way.port)
  const locks = new LockPool({ connection: url.href, backend: 'table', leaseMs: LEASE_MS })
  const grant = async (key: string): Promise<bigint> => {
    const lock = await acquireWhenUp(locks, key)
    await lock.release().catch(() => undefined)
    return lock.token
  }
  try {
    await grant('orders')
    await cluster.addStandbys(2)
    const tokens: bigint[] = []
    for (let i = 0; i < 2; i++) {
      await cluster.failOver({ whileBehind: () => Promise.resolve(), signal: 'SIGKILL' })
      way.aimAt(cluster.port)
      for (let round = 0; round < KEYS; round++) tokens.push(await grant('orders'), await grant('new here'))
    }

    for (const key of [0, 1]) {
      const ofKey = tokens.filter((_, i) => i % 2 === key)
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => (a < b ? -1 : 1)))
      expect(new Set(ofKey).size).toBe(2 * KEYS)
    }
  } finally {
    await locks.close({ graceMs: 0 })
    await way.close()
    await cluster.stop()
  }
}, 90_000)

test('records of another timeline do not count, and waiting once settles that', async () => {
  await using database = await createDatabase()
  const pools: LockPool[] = []
  const open = (): LockPool => {
    const made = new LockPool({ connection: database.url, backend: 'table', leaseMs: LEASE_MS })
    pools.push(made)
    return made
  }
  const holder = open()
  const lock = await holder.acquire('orders')
  let cause = ''
  lock.signal.addEventListener('abort', () => (cause = (lock.signal.reason as Error).message))
  await database.query(`
    UPDATE lockpool.member SET timeline = '00000000';
    UPDATE lockpool.floor SET timeline = '00000000';
    UPDATE lockpool.lease SET owner = NULL, token = token - 1024`)
  const since = performance.now()

  const next = await open().acquire('orders', { timeoutMs: 30_000 })

  expect(performance.now() - since).toBeGreaterThan(LEASE_MS - 100)
  expect(lock.state).toBe('lost')
  expect(cause).toMatch(/replaced by another one/)
  expect(next.token).toBeGreaterThan(lock.token)
  const settledAt = performance.now()
  await (await open().acquire('invoices')).release()
  expect(performance.now() - settledAt, 'a later member has no lease to wait for').toBeLessThan(LEASE_MS)
  await next.release()
  await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
}, 60_000)

test('a member that joined at a server without a readable timeline is not asked for it', async () => {
  await using database = await createDatabase()
  const locks = new LockPool({ connection: database.url, backend: 'table', leaseMs: LEASE_MS })
  const lock = await locks.acquire('orders')
  await database.query('UPDATE lockpool.member SET timeline = NULL')
  await (await locks.acquire('invoices')).release()
  await lock.release()
  await locks.close()
})
