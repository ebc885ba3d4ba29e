/**
 * A process that waits for a hot key, which passes from process to process, waits in the server queue, on a separate
 * session.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { encodeKey, SERVER_QUEUE_CLASS } from '../../src/dialect/postgres/keys/key.js'
import type { AcquireOptions } from '../../src/lock/acquire-options.js'
import type { Lock } from '../../src/lock/handle/lock.js'
import { lockWorld } from '../support/lock-world.js'
import { strangerIn } from '../support/stranger.js'

const world = lockWorld()

const { hash } = encodeKey('hot', '')

/** The sessions that say that they wait in the server queue. */
async function queuedSessions(): Promise<{ pid: number }[]> {
  const { rows } = await world.database.query<{ pid: number }>(
    `SELECT pid FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = $1 AND objid::int8 = $2 AND granted
       AND mode = 'ShareLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [SERVER_QUEUE_CLASS, hash >>> 0],
  )
  return rows
}

type Pool = ReturnType<typeof world.pool>

/**
 * Makes pools that pass the key from one to the next, until the first of them keeps it. Then each of the others waits
 * for it in the server queue.
 */
async function hotIn(count: number, max = 3): Promise<{ pools: Pool[]; held: Lock; waits: Promise<Lock>[] }> {
  const pools = Array.from({ length: count }, () => world.pool({ max }))
  await Promise.all(pools.map((pool) => pool.ready()))
  let isKept = false
  const turn = async (lock: Lock): Promise<void> => {
    await pause(4)
    await lock.release()
  }
  const first = pools[0]!
  const waits = pools.slice(1).map(async (pool) => {
    for (;;) {
      const lock = await pool.acquire('hot')
      if (isKept) return lock
      await turn(lock)
    }
  })
  for (let i = 0; i < 50; i++) await turn(await first.acquire('hot'))
  const held = await first.acquire('hot')
  isKept = true
  await expect.poll(async () => (await queuedSessions()).length).toBe(count - 1)
  return { pools, held, waits }
}

test('one is woken after the other, and no other session', async () => {
  const { pools, held, waits } = await hotIn(4)
  const waiters = async (): Promise<number> => {
    const locks = await pools[0]!.inspect()
    return locks.reduce((sum, lock) => sum + lock.waiters.length, 0)
  }
  // Between two waits, a process is no waiter for a moment.
  await expect.poll(waiters).toBe(3)

  await held.release()
  let served = 0
  await Promise.all(
    waits.map(async (wait) => {
      const lock = await wait
      served++
      expect((await queuedSessions()).length).toBeLessThanOrEqual(4 - served)
      await lock.release()
    }),
  )

  await expect.poll(queuedSessions).toEqual([])
})

/**
 * The number of grants of each process among `total` grants. On a busy machine they take longer, but the shares are the
 * same.
 */
async function sharesOf(
  total: number,
  callers: readonly ((work: () => Promise<void>) => Promise<void>)[],
): Promise<number[]> {
  const grants = callers.map(() => 0)
  let given = 0
  await Promise.all(
    callers.map(async (serve, place) => {
      const work = async (): Promise<void> => {
        grants[place]!++
        given++
        await pause(2)
      }
      while (given < total) await serve(work)
    }),
  )
  return grants
}

const callerOf = (pool: Pool, options: AcquireOptions = {}) => {
  return async (work: () => Promise<void>): Promise<void> => {
    const lock = await pool.acquire('hot', options)
    await work()
    await lock.release()
  }
}

test('callers of one process give the key up for another that stands in line', async () => {
  const [a, b] = [world.pool({ max: 3 }), world.pool({ max: 3 })]
  const grants = await sharesOf(
    600,
    [a, a, a, a, b].map((pool) => callerOf(pool)),
  )
  expect(grants[4], grants.join()).toBeGreaterThan(6)
})

test.each([
  ['another session', 3],
  ['the same session, which then stands in line no more', 2],
])('a process that stands in line has other keys, on %s', async (_, max) => {
  const { pools, held, waits } = await hotIn(2, max)
  const [a, b] = pools as [Pool, Pool]
  const kept = await a.acquire('other')
  const other = b.acquire('other')
  for (let i = 0; i < 20; i++) await (await b.acquire(`cold ${i}`)).release()
  expect(held.state).toBe('held')

  await kept.release()
  await (await other).release()
  await held.release()
  await (await waits[0]!).release()
})

test('readers queue as well, and neither readers nor writers starve', async () => {
  const pools = Array.from({ length: 4 }, () => world.pool({ max: 3 }))
  const inside = { shared: 0, exclusive: 0 }
  const grants = await sharesOf(
    600,
    pools.map((pool, place) => {
      const mode = place < 2 ? 'shared' : 'exclusive'
      const serve = callerOf(pool, { mode })
      return (work) =>
        serve(async () => {
          inside[mode]++
          const { shared, exclusive } = inside
          expect(exclusive === 0 || (exclusive === 1 && shared === 0), JSON.stringify(inside)).toBe(true)
          await work()
          inside[mode]--
        })
    }),
  )
  for (const each of grants) expect(each, grants.join()).toBeGreaterThan(30)
})

test('a process that can only listen, because its session holds other locks, does not starve behind the queue', async () => {
  const pools = [world.pool({ max: 3 }), world.pool({ max: 3 }), world.pool({ max: 2 })]
  // With two connections the pool has one lock session. That session also holds another lock, so it cannot wait in the queue.
  const other = await pools[2]!.acquire('other')
  let served = 0
  let isOver = false
  const serve = pools.map((pool) => callerOf(pool))
  const busy = serve.slice(0, 2).map(async (each) => {
    while (!isOver) await each(() => pause(2))
  })
  await expect.poll(queuedSessions).not.toEqual([])
  // A process that only listens may need two cycles of the wall clock for a grant. If it starves, the test runs into
  // its timeout.
  while (served < 4) await serve[2]!(async () => void served++)
  isOver = true
  await Promise.all(busy)
  await other.release()
})

test('a foreign session in the queue does not keep processes from the key', async () => {
  await using stranger = await strangerIn(world.database.url)
  const client = await stranger.connect()
  const { held, waits } = await hotIn(2)
  await client.query('SELECT pg_advisory_lock($1, $2)', [SERVER_QUEUE_CLASS, hash])
  await pause(1000)

  await held.release()
  await (await waits[0]!).release()
})

test('a session that is ended while it stands there costs its process the place, and nothing else', async () => {
  const { held, waits } = await hotIn(2)
  const terminated = async (): Promise<number> => {
    const [stands] = await queuedSessions()
    if (stands !== undefined) await world.database.query('SELECT pg_terminate_backend($1)', [stands.pid])
    return stands === undefined ? 0 : 1
  }
  await expect.poll(terminated).toBe(1)

  await held.release()
  await (await waits[0]!).release()
})

test('a caller that leaves the queue leaves nothing behind', async () => {
  const { pools, held, waits } = await hotIn(2)
  const waiting = expect(waits[0]).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  await pools[1]!.close()
  await waiting

  await expect.poll(queuedSessions).toEqual([])
  await held.release()
})

test('a wait that is canceled is not the failure of a caller', async () => {
  const pools = Array.from({ length: 3 }, () => world.pool({ max: 3 }))
  const ending = sharesOf(
    200,
    pools.map((pool) => callerOf(pool)),
  )
  let canceled = 0
  let isOver = false
  void ending.finally(() => (isOver = true))
  while (!isOver) {
    const { rowCount } = await world.database.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
       WHERE wait_event = 'advisory' AND datname = current_database() LIMIT 1`,
    )
    canceled += rowCount ?? 0
    await pause(20)
  }

  await ending
  expect(canceled).toBeGreaterThan(0)
})

test('without PL/pgSQL no session queues, and each session finds that out once', async () => {
  await world.database.query('DROP EXTENSION plpgsql')
  const pools = Array.from({ length: 2 }, () => world.pool({ max: 2 }))
  const warnings: string[] = []
  for (const pool of pools) pool.on('warning', ({ error }) => warnings.push(error?.message ?? ''))

  // Repeats until the key was contended enough for one process to try the queue.
  while (warnings.length === 0)
    await sharesOf(
      100,
      pools.map((pool) => callerOf(pool)),
    )

  await world.database.query('CREATE EXTENSION plpgsql')
  // Each pool has two sessions.
  expect(warnings.length).toBeLessThanOrEqual(4)
  for (const warning of warnings) expect(warning).toContain('"plpgsql" does not exist')
})

test('among programs that lock without lockpool, and queue in the server, a process comes to its turn as they do', async () => {
  const pool = world.pool({ max: 3 })
  const { bits } = encodeKey('hot', '')
  await using one = await strangerIn(world.database.url)
  await using other = await strangerIn(world.database.url)
  const programs = [await one.connect(), await other.connect()].map((client) => {
    return async (work: () => Promise<void>): Promise<void> => {
      await client.query('SELECT pg_advisory_lock($1)', [bits])
      await work()
      await client.query('SELECT pg_advisory_unlock($1)', [bits])
    }
  })
  // A process listens before it queues. On a busy machine that takes a second, in which the programs get all grants.
  const grants = await sharesOf(1500, [...programs, callerOf(pool)])
  expect(grants[2], grants.join()).toBeGreaterThan(100)
})
