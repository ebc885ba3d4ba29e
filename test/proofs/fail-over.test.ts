import { expect, test } from 'vitest'
import { Cluster } from '../../chaos/cluster.js'
import { Proxy } from '../../chaos/proxy.js'
import type { Lock } from '../../src/lock/handle/lock.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { acquireWhenUp } from '../support/lock-world.js'
import { startEmbedded } from '../support/own-server.js'

const LEASE_MS = 2000
const PLAIN = 50

/** The URL of the cluster with another port, such as that of a proxy whose target can change. */
function urlBy(port: number, cluster: Cluster): string {
  const url = new URL(cluster.urlOf('postgres'))
  url.port = String(port)
  return url.href
}

/**
 * Goal: the promises of docs/concepts/promises.md about a failover hold on real servers.
 * Method: a replica receives nothing while locks are acquired. Then the test kills the primary and promotes the
 * replica, which knows neither the locks, nor their tokens, nor the hold records of strict mode.
 */
test('after a lagging replica takes over, losses are reported once, tokens grow, and a strict grant waits for the lease', async () => {
  const cluster = await Cluster.startedBy(startEmbedded)
  const way = await Proxy.to(cluster.port)
  const connection = urlBy(way.port, cluster)
  const plain = new LockPool({ connection })
  const strict = new LockPool({ connection, strict: true, leaseMs: LEASE_MS })
  const delays: number[] = []
  strict.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))
  try {
    await Promise.all([plain.ready(), strict.ready()])
    await cluster.addStandbys(1)
    const early = new LockPool({ connection: urlBy(cluster.standbyPort!, cluster) })
    expect((await rejection(early.ready())).message).toContain('read-only standby')

    const held: Lock[] = []
    const whileBehind = async (): Promise<void> => {
      // The locks are acquired one by one, so that each draws a token: a replica knows 32 tokens in advance, and must
      // lack some.
      for (let i = 0; i < PLAIN; i++) held.push(await plain.acquire(`key ${i}`))
      held.push(await strict.acquire('strict'))
    }
    const lostKeys: string[] = []
    for (const pool of [plain, strict]) pool.on('lock:lost', ({ key }) => lostKeys.push(key))
    await cluster.failOver({ whileBehind, signal: 'SIGKILL' })
    await expect.poll(() => lostKeys.toSorted()).toEqual(held.map(({ key }) => String(key)).toSorted())
    way.aimAt(cluster.port)

    const again = await Promise.all(
      held.map((lock, i) => acquireWhenUp(i < PLAIN ? plain : strict, String(lock.key))),
    )
    const highest = held.map((lock) => lock.token).reduce((a, b) => (a > b ? a : b))
    for (const lock of again) expect(lock.token).toBeGreaterThan(highest)
    expect(delays).toHaveLength(1)
    expect(delays[0], 'since it was attached, which was before').toBeLessThanOrEqual(LEASE_MS)
    expect(delays[0]).toBeGreaterThan(LEASE_MS / 2)
    expect((await acquireWhenUp(early, 'early')).token, 'the standby is none any more').toBeGreaterThan(
      highest,
    )
    expect(lostKeys).toHaveLength(held.length)
    await early.close({ graceMs: 0 })
  } finally {
    await Promise.all([plain, strict].map((pool) => pool.close({ graceMs: 0 })))
    await way.close()
    await cluster.stop()
  }
}, 60_000)
