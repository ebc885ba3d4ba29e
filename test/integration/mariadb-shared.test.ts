import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { lossOf } from '../support/lock-world.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

const SHARED = { mode: 'shared' } as const

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'shared mode with named locks', () => {
  const world = mariaDbWorld()
  const pools = (count: number, options: LockPoolOptions = {}): LockPool[] =>
    Array.from({ length: count }, () => world.pool({ sharedSlots: 4, ...options }))

  test('readers of several processes share a key, and a writer comes after the last of them', async () => {
    const [a, b, c] = pools(3)
    const readers = [
      await a!.acquire('x', SHARED),
      await b!.acquire('x', SHARED),
      await a!.acquire('x', SHARED),
    ]
    expect(await c!.tryAcquire('x')).toBeNull()
    const order: string[] = []
    const writer = c!.acquire('x').then((lock) => {
      order.push('writer')
      return lock
    })
    await pause(200)
    expect(await b!.tryAcquire('x', SHARED), 'a writer waits').toBeNull()

    for (const reader of readers) {
      expect(order).toEqual([])
      await reader.release()
    }

    const lock = await writer
    for (const reader of readers) expect(lock.token).toBeGreaterThan(reader.token)
    expect(await a!.tryAcquire('x', SHARED)).toBeNull()
    await lock.release()
  })

  test('one process more than slots waits for a release, and is woken by it', async () => {
    const [a, b, c] = pools(3, { sharedSlots: 2, namespace: 'two' })
    const [first, second] = [await a!.acquire('x', SHARED), await b!.acquire('x', SHARED)]
    const sameProcess = await a!.acquire('x', SHARED)

    expect(await c!.tryAcquire('x', SHARED)).toBeNull()
    expect(await rejection(c!.acquire('x', { ...SHARED, timeoutMs: 1000 }))).toMatchObject({
      code: 'LOCK_TIMEOUT',
      holder: expect.stringMatching(/^connection \d+/),
    })
    const waiting = c!.acquire('x', SHARED)
    await pause(1000)
    const since = performance.now()
    await second.release()
    const third = await waiting
    // The poll comes every 800 ms by now.
    expect(performance.now() - since).toBeLessThan(300)
    await Promise.all([first, sameProcess, third].map((lock) => lock.release()))
  })

  test('a writer gets the key although processes read it all the time', async () => {
    const [writer, ...readers] = pools(4)
    const end = new AbortController()
    const reading = readers.map(async (pool) => {
      for (let i = 0; !end.signal.aborted; i++)
        await pool.withLock('busy', SHARED, () => pause(20 + (i % 3) * 10))
    })
    await pause(200)

    for (let i = 0; i < 5; i++) await writer!.withLock('busy', { timeoutMs: 10_000 }, () => pause(5))

    end.abort()
    await Promise.all(reading)
  })

  test('readers get the key although processes write it all the time', async () => {
    const [reader, ...writers] = pools(4)
    const end = new AbortController()
    const writing = writers.map(async (pool) => {
      while (!end.signal.aborted) await pool.withLock('busy', () => pause(3))
    })
    await pause(200)

    for (let i = 0; i < 5; i++)
      await reader!.withLock('busy', { ...SHARED, timeoutMs: 15_000 }, () => pause(5))

    end.abort()
    await Promise.all(writing)
  }, 90_000)

  test('the locks of a group are shared, or exclusive', async () => {
    const [a, b] = pools(2)
    const [readers, others] = [
      await a!.acquireAll(['x', 'y', 'z'], SHARED),
      await b!.acquireAll(['z', 'y'], SHARED),
    ]
    expect(await rejection(b!.acquireAll(['w', 'x'], { timeoutMs: 100 }))).toMatchObject({
      code: 'LOCK_TIMEOUT',
    })

    await readers.release()
    await others.release()
    await (await b!.acquireAll(['w', 'x', 'y', 'z'])).release()
  })

  test('a semaphore is as without shared mode', async () => {
    const [a, b] = pools(2)
    const permits = [await a!.semaphore('x', 2).acquire(), await b!.semaphore('x', 2).acquire()]
    expect(await b!.semaphore('x', 2).tryAcquire()).toBeNull()
    const waiting = a!.semaphore('x', 2).acquire()
    await permits[1]!.release()
    await Promise.all([permits[0]!, await waiting].map((permit) => permit.release()))
  })

  test('a reader whose session ends has lost the key, and its slot is free', async () => {
    const [a, b] = pools(2)
    const reader = await a!.acquire('x', SHARED)
    const lost = lossOf(reader)
    const writer = b!.acquire('x', { timeoutMs: 20_000 })
    const held = (await world.server.namedLocks()).find(({ name }) => name.endsWith('/r0'))

    await world.server.kill(held!.id)

    await lost
    expect(reader.state).toBe('lost')
    await (await writer).release()
  })

  test('nothing is left of statements that were interrupted', async () => {
    const [a, b] = pools(2)
    const end = new AbortController()
    const interrupting = (async (): Promise<void> => {
      while (!end.signal.aborted) {
        const holders = (await world.server.namedLocks()).filter(({ name }) => name.startsWith('lp1'))
        for (const id of new Set(holders.map((each) => each.id)))
          await world.server.query(`KILL QUERY ${id}`).catch(() => undefined)
        await pause(1)
      }
    })()
    let granted = 0
    const working = [a!, b!, a!, b!].map(async (pool, i) => {
      for (let round = 0; round < 60; round++) {
        const mode = (round + i) % 3 === 0 ? 'exclusive' : 'shared'
        const lock = await pool.acquire(`key ${round % 2}`, { mode, timeoutMs: 5000 }).catch(() => null)
        if (lock !== null) granted++
        await lock?.release()
      }
    })
    await Promise.all(working)
    end.abort()
    await interrupting

    expect(granted).toBeGreaterThan(100)
    const ours = (await world.server.namedLocks()).filter(({ name }) => name.startsWith('lp1'))
    expect(ours).toEqual([])
  }, 90_000)

  test('people see the readers of a key, and who waits for it', async () => {
    const [a, b, c] = pools(3)
    const readers = [await a!.acquire('seen', SHARED), await b!.acquire('seen', SHARED)]
    const end = new AbortController()
    const writer = c!.acquire('seen', { signal: end.signal }).catch(() => null)
    await pause(300)

    const lock = (await c!.inspect()).find(({ name }) => name?.name === 'seen')

    expect(lock!.holders.map(({ mode }) => mode)).toEqual(['shared', 'shared'])
    expect(lock!.waiters.map(({ mode }) => mode)).toEqual(['exclusive'])
    end.abort()
    await writer
    await Promise.all(readers.map((each) => each.release()))
  })

  test('a name of other programs is never shared, because these check no slots', async () => {
    const [pool] = pools(1)
    for (const attempt of [pool!.acquire(['nightly'], SHARED), pool!.acquireAll([['nightly'], 'x'], SHARED)])
      expect(await rejection(attempt)).toMatchObject({ code: 'MODE_UNSUPPORTED' })
    await pool!.withLock(['nightly'], () => undefined)
  })

  describe('all pools agree on the number of slots', () => {
    test.each<[string, LockPoolOptions, string]>([
      ['another number', { sharedSlots: 3 }, '"sharedSlots" 3'],
      ['no shared mode', {}, '"sharedSlots" 0'],
      ['no shared mode and no tokens', { fencing: 'off' }, '"sharedSlots" 0'],
      ['the backend "table"', { backend: 'table' }, 'backend "table"'],
    ])('a pool with %s is refused, and learns who uses which', async (name, options, ours) => {
      const namespace = `agreed ${name}`
      const first = world.pool({ namespace, sharedSlots: 2, applicationName: 'reports' })
      await first.withLock('x', () => undefined)

      const error = await rejection(world.pool({ namespace, ...options }).acquire('x'))

      expect(error).toMatchObject({ code: 'BACKEND_MISMATCH', retryable: false })
      const { message } = error as Error
      expect(message).toContain(`this pool has ${ours}`)
      expect(message).toContain(options.backend === 'table' ? 'backend "named"' : '"sharedSlots" 2')
      expect(message).toMatch(/by process \d+ on .* \(reports\) since 20/)
      await first.withLock('x', SHARED, () => undefined)
    })

    test('a pool with slots is refused where the namespace has none', async () => {
      const namespace = 'without'
      await world.pool({ namespace }).withLock('x', () => undefined)

      const error = await rejection(world.pool({ namespace, sharedSlots: 2 }).acquire('x'))

      expect(error).toMatchObject({
        code: 'BACKEND_MISMATCH',
        message: expect.stringContaining('lockpool_backend'),
      })
    })

    test('the number changes with the row of the namespace, as the error says', async () => {
      const namespace = 'changed'
      const first = world.pool({ namespace, sharedSlots: 2 })
      await first.withLock('x', () => undefined)
      await first.close()
      const database = new URL(world.url).pathname.slice(1)
      await world.server.query(
        `UPDATE ${database}.lockpool_backend SET backend = 'named/3' WHERE namespace = ?`,
        [namespace],
      )

      await world.pool({ namespace, sharedSlots: 3 }).withLock('x', SHARED, () => undefined)
    })

    test('a user who may not record the number gets no lock', async () => {
      const url = new URL(await world.server.createDatabase())
      await world.server.query(`CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 'secret'`)
      await world.server.query(`GRANT SELECT ON ${url.pathname.slice(1)}.* TO poor@'%'`)
      url.username = 'poor'
      const pool = world.pool({ connection: url.href, sharedSlots: 2 })

      const error = await rejection(pool.acquire('x'))

      expect(error).toMatchObject({
        code: 'MODE_UNSUPPORTED',
        message: expect.stringContaining('lockpool_backend'),
      })
    })
  })

  test('runs of the command share a lock, with the number of slots of the namespace', async () => {
    const namespace = 'runs'
    const reader = await world.pool({ namespace, sharedSlots: 3 }).acquire('job', SHARED)
    const run = async (...args: string[]): Promise<number | NodeJS.Signals> =>
      lockpool(['run', 'job', '--namespace', namespace, ...args, '--', 'true'], { url: world.url }).ended

    expect(await run('--shared', '--shared-slots', '3')).toBe(0)
    expect(await run('--no-wait', '--shared-slots', '3'), 'a reader has it').toBe(75)
    expect(await run('--shared', '--shared-slots', '4')).toBe(78)
    expect(await run('--no-wait')).toBe(78)
    expect(await run('--shared-slots', '3', '--backend', 'table')).toBe(78)
    await reader.release()
  }, 60_000)

  test.each<[LockPoolOptions, RegExp]>([
    [{ sharedSlots: -1 }, /from 0 to 64/],
    [{ sharedSlots: 65 }, /from 0 to 64/],
    [{ sharedSlots: 1.5 }, /from 0 to 64/],
    [{ sharedSlots: '4' as never }, /from 0 to 64/],
    [{ sharedSlots: 4, backend: 'table' }, /is for backend "named"/],
    [{ sharedSlots: 4, connection: 'mysql://localhost' }, /needs a database/],
  ])('%o is refused before a connection is opened', (options, message) => {
    expect(() => new LockPool({ connection: 'mysql://localhost/shop', ...options })).toThrow(message)
  })
})
