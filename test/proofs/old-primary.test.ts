import { expect, test } from 'vitest'
import { Cluster } from '../../chaos/cluster.js'
import { Proxy } from '../../chaos/proxy.js'
import { crash, Standby } from '../../chaos/standby.js'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { startEmbedded } from '../support/own-server.js'
import { query } from '../support/query.js'

const SERVER = { durable: true, settings: { wal_keep_size: '128MB' } }

/** Draws tokens in a new pool, like a process that has seen no token before. */
async function drawTokens(url: string): Promise<bigint[]> {
  const locks = new LockPool({ connection: url })
  const tokens: bigint[] = []
  try {
    while (tokens.length < 4) {
      const lock = await locks.acquire('orders')
      tokens.push(lock.token)
      await lock.release()
    }
    return tokens
  } finally {
    await locks.close({ graceMs: 0 })
  }
}

function at(url: string, server: EmbeddedPostgres): string {
  const other = new URL(url)
  other.port = String(server.port)
  return other.href
}

/**
 * Goal: tokens grow, whichever server is the next primary.
 * Method: a primary crashes or freezes. Its replica, which has missed the last tokens, takes over at once and draws
 * tokens. Then that server ends, and the old primary returns with its own state.
 */
test.each(['crashed', 'frozen'] as const)(
  'an old primary that was %s, and comes back, gives no token again',
  async (how) => {
    await using old = await startEmbedded(SERVER)
    await drawTokens(old.url)
    const standby = await Standby.of(old, old.url, startEmbedded, SERVER)
    await using server = standby.server
    standby.fallBehind()
    const tokens = await drawTokens(old.url)

    if (how === 'crashed') await crash(old)
    else process.kill(old.processId, 'SIGSTOP')
    await standby.promote(at(old.url, server))
    tokens.push(...(await drawTokens(at(old.url, server))))
    await crash(server)
    if (how === 'crashed') await old.restart('immediate')
    else process.kill(old.processId, 'SIGCONT')
    tokens.push(...(await drawTokens(old.url)))

    expect(tokens.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(tokens)
    expect(new Set(tokens).size, 'no two are the same').toBe(12)
  },
  60_000,
)

test('a restarted old primary makes strict pools wait, because it has missed marks', async () => {
  await using old = await startEmbedded(SERVER)
  const strict = async (): Promise<number[]> => {
    const locks = new LockPool({ connection: old.url, strict: true, leaseMs: 1500 })
    const delays: number[] = []
    locks.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))
    await (await locks.acquire('orders')).release()
    await locks.close({ graceMs: 0 })
    return delays
  }
  expect(await strict(), 'at the very first').toEqual([])
  expect(await strict()).toEqual([])
  await crash(old)
  await old.restart('immediate')

  expect(await strict()).toEqual([expect.any(Number)])
  await expect
    .poll(() => query<{ ms: number }>(old.url, 'SELECT settling_ms AS ms FROM lockpool.timeline'))
    .toEqual([{ ms: 0 }])
  expect(await strict(), 'somebody has waited').toEqual([])
}, 60_000)

/**
 * Goal: holds do not overlap, although the replica does not know the lease of the holder.
 * Method: the first strict pool starts while the replica receives nothing. The test cuts that pool off with its lock,
 * and kills the primary.
 */
test('a replica without the agreed lease of strict pools waits for the longest possible lease', async () => {
  const cluster = await Cluster.startedBy(startEmbedded)
  const way = await Proxy.to(cluster.port)
  const cut = new URL(cluster.urlOf('postgres'))
  cut.port = String(way.port)
  const holder = new LockPool({ connection: cut.href, strict: true, leaseMs: 30_000 })
  const next: LockPool[] = []
  try {
    // This creates the schema, and no pool was strict yet.
    await drawTokens(cluster.urlOf('postgres'))
    await cluster.addStandbys(1)
    const whileBehind = async (): Promise<void> => {
      const lock = await holder.acquire('orders')
      way.toClient.isStalled = way.toServer.isStalled = true
      expect(lock.state).toBe('held')
    }
    await cluster.failOver({ whileBehind, signal: 'SIGKILL' })

    const locks = new LockPool({ connection: cluster.urlOf('postgres'), strict: true, leaseMs: 2000 })
    next.push(locks)
    const delays: number[] = []
    locks.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))
    expect(await locks.tryAcquire('orders')).toBeNull()

    expect(delays).toHaveLength(1)
    expect(delays[0]).toBeGreaterThan(20_000)
  } finally {
    await Promise.all([holder, ...next].map((pool) => pool.close({ graceMs: 0 })))
    await way.close()
    await cluster.stop()
  }
}, 60_000)
