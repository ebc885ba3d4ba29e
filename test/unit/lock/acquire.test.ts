import { expect, test } from 'vitest'
import { settle } from '../../../src/testing/manual-clock.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('a free lock is granted, held in the server, and released', async () => {
  const { server, pool } = world()
  const locks = pool()

  const lock = await locks.acquire('orders')

  expect(lock.state).toBe('held')
  expect(lock.key).toBe('orders')
  expect(lock.mode).toBe('exclusive')
  expect(server.table.holders('/orders')).toHaveLength(1)

  await lock.release()

  expect(lock.state).toBe('released')
  expect(server.table.holders('/orders')).toHaveLength(0)
})

test('two processes exclude each other', async () => {
  const { pool } = world()
  const [a, b] = [pool(), pool()]
  const held = await a.acquire('orders')

  expect(await b.tryAcquire('orders')).toBeNull()

  await held.release()
  const second = await b.tryAcquire('orders')
  expect(second?.state).toBe('held')
  expect(second!.token).toBeGreaterThan(held.token)
})

test('a waiter is woken when another process releases, long before it would poll', async () => {
  const { clock, pool } = world()
  const [a, b] = [pool(), pool()]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await clock.run(0)
  expect(await stateOf(waiting)).toBe('pending')
  const before = clock.now()

  await held.release()
  await clock.run(0)

  const lock = await waiting
  expect(lock.token).toBeGreaterThan(held.token)
  expect(clock.now() - before).toBe(0)
})

test('many callers of one process share one lock at the server, one after the other', async () => {
  const { server, pool } = world()
  const locks = pool()
  const order: number[] = []
  let inside = 0

  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      locks.withLock('orders', async () => {
        expect(++inside).toBe(1)
        await settle()
        order.push(i)
        inside--
      }),
    ),
  )

  expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(locks.snapshot().counters).toMatchObject({ acquired: 100, released: 100, handedOff: 99 })
  expect(server.table.size).toBe(0)
})

test('a thousand distinct keys are taken in a few statements, over few connections', async () => {
  const { server, pool } = world()
  const locks = pool({ max: 3 })
  await locks.ready()
  const before = server.statements

  const held = await Promise.all(Array.from({ length: 1000 }, (_, i) => locks.acquire(`key ${i}`)))

  expect(server.statements - before).toBeLessThan(8)
  expect(server.connections.size).toBeLessThanOrEqual(2)
  expect(new Set(held.map((lock) => lock.key)).size).toBe(1000)
  await Promise.all(held.map((lock) => lock.release()))
  expect(server.table.size).toBe(0)
})

test('tokens grow for every grant of a key, also when it passes inside a process', async () => {
  const { pool } = world()
  const [a, b] = [pool(), pool()]
  const tokens: bigint[] = []

  for (let round = 0; round < 5; round++) {
    for (const locks of [a, b]) {
      await Promise.all(
        Array.from({ length: 7 }, () => locks.withLock('orders', (lock) => void tokens.push(lock.token))),
      )
    }
  }

  expect(tokens).toHaveLength(70)
  expect(tokens.every((token, i) => i === 0 || token > tokens[i - 1]!)).toBe(true)
})

test('tryAcquire does not wait for others of its own process either', async () => {
  const { server, pool } = world()
  const locks = pool()
  const held = await locks.acquire('orders')
  const before = server.statements

  expect(await locks.tryAcquire('orders')).toBeNull()

  expect(server.statements).toBe(before)
  await held.release()
})

test('a timeout of 0 is one attempt', async () => {
  const { pool } = world()
  const [a, b] = [pool(), pool()]
  const free = await b.acquire('invoices', { timeoutMs: 0 })
  const held = await a.acquire('orders')

  const error = await rejection(b.acquire('orders', { timeoutMs: 0 }))

  expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'locking', retryable: true })
  await Promise.all([held.release(), free.release()])
})

test.each([
  ['held by this process', 0, 'queueing'],
  ['held by another process', 1, 'locking'],
] as const)('a wait for a lock %s ends at its deadline', async (_, holder, phase) => {
  const { clock, server, pool } = world()
  const pools = [pool(), pool()] as const
  const held = await pools[holder].acquire('orders')

  const outcome = rejection(pools[0].acquire('orders', { timeoutMs: 100 }))
  await clock.run(99)
  expect(await stateOf(outcome)).toBe('pending')
  await clock.run(1)

  expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT', phase, waitedMs: 100 })
  await clock.run(0)
  expect(server.table.size, 'nothing but the lock is left, no interest').toBe(1)
  await held.release()
})

test('an answer on the wire at the deadline decides: granted is granted', async () => {
  const { clock, pool } = world({ latencyMs: 30 })
  const locks = pool()
  await ready(locks, clock)

  const acquiring = locks.acquire('orders', { timeoutMs: 40 })
  await clock.run(59)
  expect(await stateOf(acquiring)).toBe('pending')
  await clock.run(1)

  const lock = await acquiring
  expect(lock.state).toBe('held')
})

test('a silent server extends a deadline by at most the 200 ms for an answer on its way', async () => {
  const { clock, server, pool } = world()
  const locks = pool()
  await ready(locks, clock)
  for (const connection of server.connections) connection.isMute = true

  const outcome = rejection(locks.acquire('orders', { timeoutMs: 100 }))
  await clock.run(300)

  expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT', waitedMs: 300 })
})

test.each(['queued here', 'on the wire', 'asleep', 'connecting'] as const)(
  'an abort while %s rejects at once with its reason, and leaves nothing',
  async (stage) => {
    const { clock, server, pool } = world({ latencyMs: 10 })
    const [a, b] = [pool(), pool()]
    if (stage !== 'connecting') await ready(b, clock)
    const held =
      stage === 'queued here' ? b.acquire('orders') : stage === 'asleep' ? a.acquire('orders') : null
    await clock.run(100)
    const reason = new Error('not any more')
    const controller = new AbortController()

    const outcome = rejection(b.acquire('orders', { signal: controller.signal }))
    await clock.run(stage === 'asleep' ? 100 : 5)
    controller.abort(reason)

    expect(await outcome).toBe(reason)
    if (held !== null) void (await held).release()
    await clock.run(1000)
    expect(server.table.size).toBe(0)
    expect(b.snapshot()).toMatchObject({ waiting: 0, keys: [] })
  },
)

test('a signal that is aborted already causes no request', async () => {
  const { server, pool } = world()
  const locks = pool()

  const outcome = await rejection(locks.acquire('orders', { signal: AbortSignal.abort('no') }))

  expect(outcome).toBe('no')
  expect(server.connections.size).toBe(0)
})

test('an abort of one waiter does not affect the others, even behind the first', async () => {
  const { clock, pool } = world()
  const [a, b] = [pool(), pool()]
  const held = await a.acquire('orders')
  const controller = new AbortController()
  const first = rejection(b.acquire('orders', { signal: controller.signal }))
  const second = b.acquire('orders')
  await clock.run(10)

  controller.abort()
  await first
  await held.release()
  await clock.run(0)

  expect((await second).state).toBe('held')
})

test('one caller too many is refused at once', async () => {
  const { pool } = world()
  const locks = pool({ maxWaiting: 3 })
  const held = await locks.acquire('orders')
  const waiting = [1, 2, 3].map(() => locks.acquire('orders'))

  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'POOL_SATURATED' })
  expect(await rejection(locks.acquire('invoices'))).toMatchObject({ code: 'POOL_SATURATED' })

  await held.release()
  for (const each of waiting) await (await each).release()
})

test('no more of the lock table is used than allowed', async () => {
  const { server, pool } = world()
  const locks = pool({ maxHeldLocks: 10 })
  const held = await Promise.all(Array.from({ length: 10 }, (_, i) => locks.acquire(`key ${i}`)))

  expect(await rejection(locks.acquire('key 10'))).toMatchObject({ code: 'LOCK_TABLE_FULL' })
  expect(server.table.size).toBe(10)

  await held[0]!.release()
  expect((await locks.acquire('key 10')).state).toBe('held')
})

test('release can be called again, and says the same', async () => {
  const { pool } = world()
  const lock = await pool().acquire('orders')

  const first = lock.release()
  const second = lock.release()
  await Promise.all([first, second])
  await lock.release()

  expect(lock.state).toBe('released')
  expect(lock.signal.aborted).toBe(false)
})

test('await using releases at the end of the block', async () => {
  const { server, pool } = world()
  const locks = pool()
  {
    await using lock = await locks.acquire('orders')
    expect(lock.state).toBe('held')
  }
  expect(server.table.size).toBe(0)
})

test('withLock returns or throws what the body does, and releases either way', async () => {
  const { server, pool } = world()
  const locks = pool()

  expect(await locks.withLock('orders', () => 42)).toBe(42)
  expect(await rejection(locks.withLock('orders', () => Promise.reject(new Error('body'))))).toMatchObject({
    message: 'body',
  })
  expect(await locks.withLock('orders', { mode: 'shared' }, (lock) => lock.mode)).toBe('shared')

  expect(server.table.size).toBe(0)
})

test('without fencing locks work, and only a look at the token throws', async () => {
  const { pool } = world()
  const lock = await pool({ fencing: 'off' }).acquire('orders')

  expect(() => lock.token).toThrowError(expect.objectContaining({ code: 'FENCING_UNAVAILABLE' }))
  expect(lock.state).toBe('held')
})

test('keys of different kinds and namespaces are different locks', async () => {
  const { pool } = world()
  const [a, b] = [pool({ namespace: 'a' }), pool({ namespace: 'b' })]

  const held = await Promise.all([
    a.acquire('1'),
    b.acquire('1'),
    a.acquire(1n),
    a.acquire([0, 1]),
    a.acquire([1, 0]),
  ])

  expect(held).toHaveLength(5)
  expect(await b.tryAcquire(1n), 'raw keys know no namespace').toBeNull()
})

test.each([
  ['', /empty/],
  ['x'.repeat(1025), /1024/],
  ['a\0b', /NUL/],
  ['\ud800', /Unicode/],
  [7, /7n/],
  [null, /not null/],
  [{}, /an object/],
  [[1], /an array/],
] as const)('%j is no key', async (key, message) => {
  const { pool } = world()

  const error = await rejection(pool().acquire(key as string))

  expect(error).toMatchObject({ code: 'INVALID_KEY', retryable: false })
  expect(error.message).toMatch(message)
})

test('wrong options are reported together', async () => {
  const { pool } = world()
  const locks = pool()

  const error = await rejection(
    locks.acquire('orders', { mode: 'write', timeoutMs: -1, signal: {}, patience: 3 } as never),
  )

  expect(error).toMatchObject({ code: 'INVALID_OPTION' })
  expect(error['problems']).toHaveLength(4)
  expect(await rejection(locks.acquire('orders', null as never))).toMatchObject({ code: 'INVALID_OPTION' })
  expect(await rejection(locks.withLock('orders', {}, undefined as never))).toMatchObject({
    code: 'INVALID_OPTION',
  })
})

function world(options: Parameters<typeof fakeWorld>[0] = {}) {
  const made = fakeWorld(options)
  return { clock: made.clock, server: made.server, pool: made.pool.bind(made) }
}

async function ready(
  locks: { ready(): Promise<unknown> },
  clock: { run(ms: number): Promise<void> },
): Promise<void> {
  const done = locks.ready()
  await clock.run(500)
  await done
}

test('a caller that times out waiting for another process gets the name of the holder', async () => {
  const world = fakeWorld({ latencyMs: 5 })
  const [a, b] = [world.pool(), world.pool()]
  const holding = a.acquire('orders')
  await world.clock.run(50)
  await holding
  const waiting = [1, 2, 3].map(() => rejection(b.acquire('orders', { timeoutMs: 300 })))
  await world.clock.run(200)
  const before = world.server.statements

  await world.clock.run(300)

  const owner = world.server.table.holders('/orders')[0]!.owner
  for (const error of await Promise.all(waiting)) {
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'locking', holder: `session ${owner}` })
    expect(error.message).toMatch(`held by session ${owner}`)
  }
  expect(world.server.statements - before, 'one look for all of them, besides polling').toBeLessThanOrEqual(4)
})

test('a server that does not name the holder delays the error only for a moment', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  await a.acquire('orders')
  const waiting = rejection(b.acquire('orders', { timeoutMs: 300 }))
  await world.clock.run(200)
  for (const connection of world.server.connections) connection.isMute = true

  await world.clock.run(301)

  expect(await waiting).toMatchObject({ code: 'LOCK_TIMEOUT', holder: null })
  for (const connection of world.server.connections) connection.isMute = false
})
