import { expect, test } from 'vitest'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection } from '../support/fake-world.js'
import { acquireWhenUp, lockWorld, lossOf } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

const LEASE_MS = 2000

const strictPool = (): LockPool => world.pool({ strict: true, leaseMs: LEASE_MS })

/** Ends the lock sessions of a pool, and waits until the server has released their locks. */
async function kill(locks: LockPool): Promise<void> {
  const pids = locks.snapshot().sessions.map(({ serverId }) => serverId)
  await world.terminate(...pids)
  const left = async (): Promise<number> =>
    (await world.locks()).filter(({ pid }) => pids.includes(pid)).length
  await expect.poll(left, { timeout: 10_000 }).toBe(0)
}

async function holdRecords(): Promise<{ key: string; holder: string; lease_ms: number }[]> {
  const { rows } = await world.database.query<{ key: string; holder: string; lease_ms: number }>(
    'SELECT key, holder, lease_ms FROM lockpool.hold',
  )
  return rows
}

test('a key whose holder was killed is kept back for its lease, in strict mode only', async () => {
  const [strict, next] = [strictPool(), strictPool()]
  const [plain, nextPlain] = [world.pool(), world.pool()]
  await Promise.all([next.ready(), nextPlain.ready()])
  const [lock] = await Promise.all([strict.acquire(1n), plain.acquire(2n)])
  const lost = lossOf(lock)
  const delays: number[] = []
  next.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))

  await Promise.all([kill(strict), kill(plain), lost])
  const since = performance.now()
  expect((await nextPlain.acquire(2n)).state).toBe('held')
  expect(await next.tryAcquire(1n)).toBeNull()
  const again = await next.acquire(1n)

  // A timer can fire a little early.
  expect(performance.now() - since).toBeGreaterThan(LEASE_MS - 50)
  expect(delays).toEqual([LEASE_MS])
  expect(again.token).toBeGreaterThan(lock.token)
  await again.release()
  expect(await holdRecords()).toEqual([])
})

test('a mark exists exactly while a key of any kind is held', async () => {
  const [a, b] = [strictPool(), strictPool()]
  const delays: string[] = []
  for (const pool of [a, b]) pool.on('lock:delayed', ({ key }) => delays.push(key))
  const keys = ['name', 5n, [5, 5]] as const

  const held = await Promise.all([
    ...keys.map((key) => a.acquire(key)),
    a.acquire('read', { mode: 'shared' }),
    b.acquire('read', { mode: 'shared' }),
  ])
  expect(await holdRecords()).toHaveLength(5)
  await Promise.all(held.map((lock) => lock.release()))
  expect(await holdRecords()).toEqual([])

  await Promise.all(
    Array.from({ length: 400 }, (_, i) =>
      (i % 2 === 0 ? a : b).withLock(`key ${i % 7}`, { mode: i % 3 === 0 ? 'shared' : 'exclusive' }, () =>
        Promise.resolve(),
      ),
    ),
  )
  expect(await holdRecords()).toEqual([])
  expect(delays, 'nobody waits after a clean release').toEqual([])
})

test('a crash of the server is an unclean end, and does not take marks or tokens back', async () => {
  await using server = await startServer({ synchronous_commit: 'off' })
  const connection = { connectionString: server.url }
  const options = { connection, strict: true, leaseMs: LEASE_MS, applicationName: 'lockpool test' }
  const locks = new LockPool(options)
  const held = await Promise.all(Array.from({ length: 20 }, (_, i) => locks.acquire(`key ${i}`)))
  const highest = held.map((lock) => lock.token).reduce((a, b) => (a > b ? a : b))
  const lost = Promise.all(held.map(lossOf))

  await server.restart('immediate')
  await lost
  const delays: number[] = []
  locks.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))
  const again = await Promise.all(held.map(({ key }) => acquireWhenUp(locks, key)))

  expect(delays).toEqual(held.map(() => LEASE_MS))
  for (const lock of again) expect(lock.token).toBeGreaterThan(highest)
  await locks.close({ graceMs: 0 })
})

test('if marks cannot be written, a strict pool refuses and says what to do', async () => {
  await world.database.query(`
    DROP SCHEMA IF EXISTS lockpool CASCADE;
    CREATE ROLE poor_strict LOGIN PASSWORD 'poor'`)
  const url = new URL(world.database.url)
  url.username = 'poor_strict'
  url.password = 'poor'
  try {
    const poor = world.pool({ connection: url.href, strict: true })
    expect(await rejection(poor.ready())).toMatchObject({ code: 'STRICT_UNAVAILABLE', retryable: false })
    const error = await rejection(poor.acquire('orders'))
    expect(error).toMatchObject({ code: 'STRICT_UNAVAILABLE' })
    expect(error.message).toMatch(/lockpool\.hold.*permission denied.*lockpool install/)

    await world.pool().ready()
    const refused = world.pool({ connection: url.href, strict: true })
    expect((await rejection(refused.ready())).message).toMatch(/may not use .*lockpool install --role/)
    expect((await world.pool({ connection: url.href }).acquire('orders')).state, 'locks alone work').toBe(
      'held',
    )
  } finally {
    await world.closeAll()
    await world.database.query('DROP ROLE poor_strict')
  }
})

test('on a new timeline tokens go on growing, and strict grants wait for the longest lease', async () => {
  const before = (await world.pool().acquire('orders')).token
  await world.pool({ strict: true, leaseMs: 3000 }).ready()
  // The server now looks like another one that was promoted just now.
  await world.database.query(`UPDATE lockpool.timeline SET name = '000000FF'`)

  const pools = Array.from({ length: 8 }, () => world.pool())
  const tokens = await Promise.all(pools.map(async (pool, i) => (await pool.acquire(`key ${i}`)).token))
  const delays: number[] = []
  const strict = world.pool({ strict: true, leaseMs: 1000 })
  strict.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))
  const since = performance.now()
  const lock = await strict.acquire('fresh')

  for (const token of tokens) expect(token).toBeGreaterThan(before)
  expect(delays).toHaveLength(1)
  expect(performance.now() - since, 'as long as the longest lease, since it was attached').toBeGreaterThan(
    2850,
  )
  await lock.release()
  expect((await strict.acquire('later')).state, 'and then no more').toBe('held')
  expect(delays).toHaveLength(1)
})

test('tokens grow over failovers, also to replicas that lack earlier ones', async () => {
  const promoted = (last: string): Promise<unknown> =>
    world.database.query(`
      UPDATE lockpool.timeline SET name = '000000FE';
      SELECT setval('lockpool.fence', ${last}) FROM lockpool.fence`)
  const tokenOf = async (key: string): Promise<bigint> => (await world.pool().acquire(key)).token
  await world.pool().ready()
  await promoted('1024')
  const tokens = [1024n, await tokenOf('b')]

  // The first replica lacks the tokens of six seconds. The second replica followed the original server, so it also
  // lacks the token of the first replica.
  await promoted(`last_value - ${6000 * 2 ** 20}`)
  const { rows } = await world.database.query<{ last: string }>(
    'SELECT last_value AS last FROM lockpool.fence',
  )
  tokens.push(await tokenOf('c'))
  await promoted(rows[0]!.last)
  tokens.push(await tokenOf('d'))

  expect(tokens.toSorted((x, y) => (x < y ? -1 : 1))).toEqual(tokens)
  expect(new Set(tokens).size, 'no two are the same').toBe(4)
})

test('a role that may not move the sequence gets no tokens on a new timeline', async () => {
  await world.pool().ready()
  await world.database.query(`
    CREATE ROLE half LOGIN PASSWORD 'half';
    GRANT USAGE ON SCHEMA lockpool TO half;
    GRANT USAGE ON SEQUENCE lockpool.fence TO half;
    GRANT SELECT, INSERT, UPDATE ON lockpool.timeline TO half;
    UPDATE lockpool.timeline SET name = '000000FE'`)
  const url = new URL(world.database.url)
  url.username = url.password = 'half'
  try {
    const lock = await world.pool({ connection: url.href }).acquire('orders')

    expect(() => lock.token).toThrowError(/timeline could not be followed.*permission denied/)
    expect((await world.pool().acquire('invoices')).token).toBeGreaterThan(0n)
  } finally {
    await world.closeAll()
    await world.database.query('DROP OWNED BY half; DROP ROLE half')
  }
})

test('a holder that is cut off, and ended in the server, knows before the next one has it', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const cut = world.pool({ connection: proxy.url, strict: true, leaseMs: LEASE_MS })
  const other = strictPool()
  await other.ready()
  const lock = await cut.acquire('orders')
  const states: string[] = []

  proxy.cut()
  await kill(cut)
  const waiting = other.acquire('orders').then((next) => states.push(lock.state, next.state))
  await expect.poll(() => other.snapshot().keys).toMatchObject([{ state: 'delayed' }])
  states.push(lock.state)
  await waiting

  expect(states).toEqual(['held', 'lost', 'held'])
  proxy.mend()
})
