/** Who waits for one key alone stands in line for it at the server, with the connection that listens. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { encodeKey, LINE_CLASS } from '../../src/dialect/postgres/postgres-key.js'
import { lockWorld } from '../support/lock-world.js'
import { strangerIn } from '../support/stranger.js'

const world = lockWorld()

const { hash } = encodeKey('hot', '')

/** Sessions that hold, and that wait for, the lock by which the line is made. */
async function inLine(): Promise<{ granted: boolean; pid: number }[]> {
  const { rows } = await world.database.query<{ granted: boolean; pid: number }>(
    `SELECT granted, pid FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = $1 AND objid::int8 = $2
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY granted DESC`,
    [LINE_CLASS, hash >>> 0],
  )
  return rows
}

/** Pools that have had to wait before, so that they listen. */
async function listening(count: number): Promise<ReturnType<typeof world.pool>[]> {
  const pools = Array.from({ length: count }, () => world.pool({ max: 3 }))
  const held = await world.pool().acquire('warm')
  const waits = pools.map((pool) => pool.acquire('warm', { timeoutMs: 300 }).catch(() => undefined))
  await Promise.all(waits)
  await held.release()
  for (const pool of pools) await expect.poll(() => pool.snapshot().doorbell).toBe('listening')
  return pools
}

test('the server keeps their order, and gives the key to one after the other', async () => {
  const pools = await listening(4)
  const held = await pools[0]!.acquire('hot')
  const order: number[] = []
  const waits: Promise<void>[] = []
  for (const i of [1, 2, 3]) {
    waits.push(
      pools[i]!.acquire('hot').then(async (lock) => {
        order.push(i)
        await pause(5)
        await lock.release()
      }),
    )
    await expect.poll(async () => (await inLine()).length).toBe(i)
  }
  expect((await inLine()).map(({ granted }) => granted)).toEqual([true, false, false])

  await held.release()
  await Promise.all(waits)

  expect(order).toEqual([1, 2, 3])
  await expect.poll(inLine).toEqual([])
})

test('callers of one process give the key up for another that stands in line', async () => {
  const [a, b] = (await listening(2)) as [ReturnType<typeof world.pool>, ReturnType<typeof world.pool>]
  let isOver = false
  const grants = [0, 0]
  const working = [a, a, a, a, b].map(async (pool) => {
    while (!isOver) {
      const lock = await pool.acquire('hot')
      grants[pool === a ? 0 : 1]!++
      await pause(1)
      await lock.release()
    }
  })
  await pause(1500)
  isOver = true
  await Promise.all(working)

  expect(grants[1], grants.join()).toBeGreaterThan(20)
})

test('one that has more to wait for hears of all of it', async () => {
  const [a, b] = (await listening(2)) as [ReturnType<typeof world.pool>, ReturnType<typeof world.pool>]
  const held = [await a.acquire('hot'), await a.acquire('other')] as const
  const hot = b.acquire('hot')
  await expect.poll(async () => (await inLine()).length).toBe(1)
  const other = b.acquire('other')
  await pause(600)
  expect(await inLine()).toEqual([])

  await held[1].release()
  await (await other).release()
  await held[0].release()
  await (await hot).release()
})

test('a stranger in the line keeps nobody from the key', async () => {
  await using stranger = await strangerIn(world.database.url)
  const client = await stranger.connect()
  await client.query('SELECT pg_advisory_lock($1, $2)', [LINE_CLASS, hash])
  const [a, b] = (await listening(2)) as [ReturnType<typeof world.pool>, ReturnType<typeof world.pool>]
  const held = await a.acquire('hot')
  const waiting = b.acquire('hot')
  await pause(3000)

  const since = performance.now()
  await held.release()
  await (await waiting).release()

  expect(performance.now() - since).toBeLessThan(1000)
})

test('a session that is ended while it stands there costs its process the place, and nothing else', async () => {
  const [a, b] = (await listening(2)) as [ReturnType<typeof world.pool>, ReturnType<typeof world.pool>]
  const held = await a.acquire('hot')
  const waiting = b.acquire('hot')
  await expect.poll(async () => (await inLine()).length).toBe(1)
  await world.database.query('SELECT pg_terminate_backend($1)', [(await inLine())[0]!.pid])
  await expect.poll(async () => (await inLine()).length).toBe(0)

  await held.release()
  await (await waiting).release()
})

test('who goes away, or has no more time, leaves nothing in it', async () => {
  const [a, b] = (await listening(2)) as [ReturnType<typeof world.pool>, ReturnType<typeof world.pool>]
  const held = await a.acquire('hot')
  await expect(b.acquire('hot', { timeoutMs: 40 })).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
    phase: 'locking',
  })
  await expect(b.acquire('hot', { signal: AbortSignal.timeout(40) })).rejects.toThrow()
  await b.close()
  await expect.poll(inLine).toEqual([])
  await held.release()
})
