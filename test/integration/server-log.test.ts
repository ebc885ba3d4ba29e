/** Nothing of ours makes the server write into its log: that is where others look for what is wrong. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { POOL_CLASS, SHARE_CLASS } from '../../src/dialect/postgres/postgres-key.js'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { startServer } from '../support/own-server.js'
import { complaints } from '../support/server-log.js'
import { twinOf } from '../support/twin-key.js'

let server: EmbeddedPostgres

beforeAll(async () => {
  server = await startServer({ log_min_messages: 'warning', log_min_error_statement: 'warning' })
})

afterAll(() => server.stop())

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** Advisory locks that are left at the server, but for what pools announce. */
async function leftovers(): Promise<number> {
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n
       FROM pg_locks
       WHERE locktype = 'advisory' AND NOT (objsubid = 2 AND classid::int8 = ANY ($1))`,
      [[POOL_CLASS, SHARE_CLASS]],
    )
    return rows[0]!.n
  } finally {
    await client.end()
  }
}

/** Several processes, as far as the server can tell. */
async function inPools(
  count: number,
  options: LockPoolOptions,
  use: (pools: LockPool[]) => Promise<unknown>,
): Promise<void> {
  const pools = Array.from({ length: count }, () => new LockPool({ connection: server.url, ...options }))
  try {
    await use(pools)
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
  }
}

const times = <T>(n: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => make(i)))

type Scene = (pools: LockPool[]) => Promise<unknown>

const SCENES: Readonly<Record<string, Scene>> = {
  'one key that goes to and fro': (pools) =>
    times(12, async (i) => {
      for (let n = 0; n < 30; n++) await pools[i % 3]!.withLock('hot', () => pause(1))
    }),
  'readers and writers': (pools) =>
    times(12, async (i) => {
      const mode = i % 4 === 0 ? 'exclusive' : 'shared'
      for (let n = 0; n < 30; n++) await pools[i % 3]!.withLock('page', { mode }, () => pause(1))
    }),
  'many keys that somebody holds': async ([a, b, c]) => {
    const keys = Array.from({ length: 60 }, (_, i) => `many ${i}`)
    const held = await a!.acquireAll(keys)
    const waiting = [b!, c!].flatMap((pool) => keys.map((key) => pool.acquire(key)))
    await pause(1500)
    await held.release()
    await Promise.all(waiting.map(async (lock) => (await lock).release()))
  },
  'pairs, bigints and keys that share a hash': (pools) =>
    times(12, async (i) => {
      const keys = [[1, 2], [2, 1], 7n, twinOf(7n), [0, 7]] as const
      for (let n = 0; n < 20; n++) {
        const mode = n % 3 === 0 ? 'shared' : 'exclusive'
        await pools[i % 3]!.withLock(keys[(i + n) % 5]!, { mode }, () => pause(1))
      }
    }),
  'a semaphore': (pools) =>
    times(12, async (i) => {
      for (let n = 0; n < 20; n++) await pools[i % 3]!.semaphore('pdf', 2).withPermit(() => pause(1))
    }),
  'several keys at once': (pools) =>
    times(9, async (i) => {
      const keys = ['x', 'y', 'z'].slice(i % 2)
      for (let n = 0; n < 15; n++) await (await pools[i % 3]!.acquireAll(keys)).release()
    }),
  'time limits and aborts': async ([a, b]) => {
    const held = await a!.acquire('late')
    await times(20, (i) =>
      b!
        .acquire('late', i % 2 === 0 ? { timeoutMs: 50 + i } : { signal: AbortSignal.timeout(50 + i) })
        .catch(() => null),
    )
    const reader = b!.acquire('late', { mode: 'shared', timeoutMs: 80 }).catch(() => null)
    expect(await Promise.all([reader, b!.tryAcquire('late')])).toEqual([null, null])
    await held.release()
  },
  'a deadlock between processes': async ([a, b]) => {
    const meet = (pool: LockPool, first: string, second: string): Promise<unknown> =>
      pool
        .withLock(first, async () => {
          await pause(200)
          await pool.withLock(second, () => undefined)
        })
        .catch((error: unknown) => error)
    await Promise.all([meet(a!, 'left', 'right'), meet(b!, 'right', 'left')])
  },
  'an election': async (pools) => {
    const campaigns = pools.map((pool) => pool.campaign('leader', { name: 'me' }))
    await pause(500)
    await Promise.all(campaigns.map((campaign) => campaign.resign()))
  },
  transactions: async ([a, b]) => {
    await times(6, (i) => [a!, b!][i % 2]!.transaction((tx) => tx.lock('in a transaction')))
    await a!.transaction((tx) => tx.tryLock('in a transaction'))
  },
}

test.each(Object.keys(SCENES))(
  '%s: the server has nothing to complain about',
  async (name) => {
    const before = (await complaints(server)).length

    await inPools(3, {}, SCENES[name]!)

    expect((await complaints(server)).slice(before)).toEqual([])
    await expect.poll(leftovers, { timeout: 5000 }).toBe(0)
  },
  60_000,
)
