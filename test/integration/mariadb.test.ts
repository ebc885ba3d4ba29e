import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createConnection } from 'mysql2/promise'
import { LockPool } from '../../src/mysql-lock-pool.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'
import { lossOf } from '../support/lock-world.js'

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'locks in MariaDB', () => {
  const world = mariaDbWorld()

  describe('locks', () => {
    test('one process at a time holds a key, and its token grows', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const lock = await a.acquire('orders')

      expect(await b.tryAcquire('orders')).toBeNull()
      const waiting = b.acquire('orders')
      await pause(50)
      await lock.release()
      const next = await waiting

      expect(next.token).toBeGreaterThan(lock.token)
      await next.release()
    })

    test('a waiter of another process is woken by the release, not by its poll', async () => {
      const [a, b] = [world.pool(), world.pool()]
      await Promise.all([a.ready(), b.ready()])
      const waits: number[] = []
      for (let round = 0; round < 8; round++) {
        const key = `key ${round}`
        const lock = await a.acquire(key)
        const waiting = b.acquire(key)
        // After this pause the polls are far apart.
        await pause(400)
        const since = performance.now()
        await lock.release()
        await (await waiting).release()
        waits.push(performance.now() - since)
      }
      expect(waits.toSorted((x, y) => x - y)[3], `of ${waits.map(Math.round).join(', ')} ms`).toBeLessThan(50)
    })

    test('a hot key goes from process to process, and each process gets it', async () => {
      const pools = [world.pool(), world.pool(), world.pool(), world.pool()]
      let holders = 0
      const turns = await Promise.all(
        pools.map(async (pool) => {
          let turns = 0
          for (const until = performance.now() + 3000; performance.now() < until; turns++) {
            await pool.withLock('hot', async () => {
              expect(++holders).toBe(1)
              await pause(2)
              holders--
            })
          }
          return turns
        }),
      )
      // The test does not assert even shares. docs/decisions/0019-mariadb-and-mysql.md has measurements of them.
      for (const each of turns) expect(each, turns.join(', ')).toBeGreaterThan(5)
    })

    test('a thousand locks share the connections of the pool, which are no more than max', async () => {
      const pool = world.pool({ max: 3 })
      const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`)

      const locks = await Promise.all(keys.map((key) => pool.acquire(key)))

      expect((await world.sessions()).length).toBeLessThanOrEqual(3)
      expect((await world.server.namedLocks()).length).toBe(1000)
      await Promise.all(locks.map((lock) => lock.release()))
      expect(await world.server.namedLocks()).toEqual([])
    })

    test('shared mode is refused at once, and the error names the backend that has it', async () => {
      const pool = world.pool()

      for (const attempt of [
        pool.acquire('x', { mode: 'shared' }),
        pool.tryAcquire('x', { mode: 'shared' }),
        pool.acquireAll(['x'], { mode: 'shared' }),
        pool.withLock('x', { mode: 'shared' }, () => undefined),
      ])
        expect(await rejection(attempt)).toMatchObject({
          code: 'MODE_UNSUPPORTED',
          message: expect.stringContaining('"table"'),
        })
    })

    test('several keys are acquired together or not at all', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const lock = await a.acquire('second')

      const attempt = (): Promise<unknown> => rejection(b.acquireAll(['first', 'second'], { timeoutMs: 300 }))

      // On a busy machine the answer about the holder may come too late for the error.
      await expect
        .poll(attempt, { timeout: 10_000 })
        .toMatchObject({ code: 'LOCK_TIMEOUT', holder: expect.stringMatching(/^connection \d+/) })
      expect(
        (await world.server.namedLocks()).filter(({ name }) => /^lp1[0-9a-f]{32}$/.test(name)),
      ).toHaveLength(1)
      await lock.release()
      await (await b.acquireAll(['first', 'second'])).release()
    })

    test('a semaphore counts over processes', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const permits = await Promise.all([
        a.semaphore('api', 3).acquire(),
        a.semaphore('api', 3).acquire(),
        b.semaphore('api', 3).acquire(),
      ])

      expect(await b.semaphore('api', 3).tryAcquire()).toBeNull()
      const waiting = b.semaphore('api', 3).acquire()
      await pause(100)
      await permits[0].release()
      await (await waiting).release()
      await Promise.all(permits.map((permit) => permit.release()))
    })

    test('namespaces and databases keep equal names apart', async () => {
      const other = await world.server.createDatabase()
      const pools = [world.pool(), world.pool({ namespace: 'n' }), world.pool({ connection: other })]

      const locks = await Promise.all(pools.map((pool) => pool.acquire('orders')))

      await Promise.all(locks.map((lock) => lock.release()))
    })

    test('names that are equal under a collation are different locks', async () => {
      const pool = world.pool()

      const locks = await Promise.all(
        ['Orders', 'orders', 'órders', 'orders '].map((key) => pool.acquire(key)),
      )

      expect(new Set((await world.server.namedLocks()).map(({ name }) => name.toLowerCase())).size).toBe(4)
      await Promise.all(locks.map((lock) => lock.release()))
    })
  })

  describe('losses', () => {
    test('a killed session loses its locks, reports the loss, and others get them', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const lock = await a.acquire('orders')
      const lost = lossOf(lock)
      const { id } = (await world.server.namedLocks())[0]!

      await world.server.kill(id)

      await lost
      expect(lock.state).toBe('lost')
      expect(await rejection(lock.release())).toMatchObject({ code: 'LOCK_LOST' })
      const next = await b.acquire('orders')
      expect(next.token).toBeGreaterThan(lock.token)
      await next.release()
    })

    test('a statement that is killed in the middle leaves nothing behind', async () => {
      const pool = world.pool({ max: 2 })
      const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`)
      const first = await pool.acquire('first')
      const { id } = (await world.server.namedLocks())[0]!
      let isOver = false
      const killing = (async () => {
        while (!isOver) {
          // The pool may have closed the session already.
          await world.server.query(`KILL QUERY ${id}`).catch(() => undefined)
          await pause(3)
        }
      })()

      for (let round = 0; round < 20; round++) {
        const locks = await Promise.allSettled(keys.map((key) => pool.acquire(key)))
        const had = locks.filter((each) => each.status === 'fulfilled').map(({ value }) => value)
        await Promise.allSettled(had.map((lock) => lock.release()))
      }
      isOver = true
      await killing

      if (first.state === 'held') await first.release()
      await expect.poll(() => world.server.namedLocks()).toEqual([])
    })

    test('a server that is killed and comes back grants greater tokens', async () => {
      const pool = world.pool()
      const tokens: bigint[] = []
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 50; i++) {
          const lock = await pool.acquire('orders')
          tokens.push(lock.token)
          await lock.release()
        }
        const lock = await pool.acquire('orders')
        const lost = lossOf(lock)
        await world.server.halt('SIGKILL')
        await world.server.boot()
        await lost
        await expect
          .poll(() => pool.tryAcquire('other').then((it) => it?.release().then(() => 'up'), String), {
            timeout: 20_000,
          })
          .toBe('up')
      }
      expect(tokens).toEqual(tokens.toSorted((x, y) => (x < y ? -1 : 1)))
      expect(new Set(tokens).size).toBe(tokens.length)
    })
  })

  describe('refusals', () => {
    test.each([
      ['a lease that is no whole seconds', { leaseMs: 2500 }, '"leaseMs" must be whole seconds'],
      ['a lease of one second', { leaseMs: 1000 }, '"leaseMs" must be whole seconds'],
      ['strict', { strict: true }, '"strict"'],
      ['another backend', { backend: 'advisory' as never }, '"backend" must be "named"'],
      ['a URL of PostgreSQL', { connection: 'postgres://localhost/x' }, 'postgres: is not MySQL'],
      ['no URL', { connection: 'localhost' }, 'not a URL'],
      ['a number', { connection: 7 as never }, 'must be a URL or an object'],
    ])('%s', (_, options, message) => {
      expect(() => new LockPool({ connection: world.url, ...options })).toThrow(message)
    })

    test('a read-only server', async () => {
      await world.server.query('SET GLOBAL read_only = 1')
      try {
        const error = await rejection(world.pool().acquire('x'))
        expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, message: /read-only/ })
      } finally {
        await world.server.query('SET GLOBAL read_only = 0')
      }
    })

    test('a password that is wrong', async () => {
      const url = new URL(world.url)
      url.password = 'wrong'
      const error = await rejection(world.pool({ connection: url.href }).acquire('x'))
      expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
    })
  })

  describe('without tables', () => {
    test('locks work, and reading a token says why there is none', async () => {
      await world.server.query(`CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 'p'`)
      const database = new URL(await world.server.createDatabase()).pathname.slice(1)
      await world.server.query(`GRANT SELECT ON ${database}.* TO poor@'%'`)
      const warnings: string[] = []
      const pool = world.pool({ connection: `mysql://poor:p@127.0.0.1:${world.server.port}/${database}` })
      pool.on('warning', ({ message }) => warnings.push(message))

      const lock = await pool.acquire('x')

      expect(() => lock.token).toThrow(/may not be created or used by this user/)
      expect(warnings).toEqual([expect.stringContaining('no fencing tokens')])
      await lock.release()
    })
  })

  describe('guards and leaders', () => {
    test('a guard refuses a late holder, in the transaction of the caller', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const connection = await createConnection(world.url)
      const lock = await a.acquire('orders')
      const lost = lossOf(lock)
      const { id } = (await world.server.namedLocks())[0]!
      const late = lock.token
      await world.server.kill(id)
      await lost
      const next = await b.acquire('orders')
      expect(next.token).toBeGreaterThan(late)
      await connection.beginTransaction()
      await next.guard(connection)
      await connection.commit()

      await expect(lock.guard(connection)).rejects.toMatchObject({ code: 'LOCK_LOST' })
      await b.transaction((tx) => next.guard(tx))
      await connection.query(`UPDATE lockpool_guard SET token = token + 1`)
      await expect(b.transaction((tx) => next.guard(tx))).rejects.toMatchObject({ code: 'STALE_TOKEN' })
      await next.release()
      await connection.end()
    })

    test('one of the candidates leads, and all processes can see which', async () => {
      const [a, b] = [world.pool(), world.pool()]
      const campaigns = [a.campaign('leader', { name: 'a' }), b.campaign('leader', { name: 'b' })]

      await expect.poll(async () => (await a.leader('leader'))?.name, { timeout: 5000 }).toMatch(/^[ab]$/)
      await Promise.all(campaigns.map((campaign) => campaign.resign()))
      await expect.poll(() => a.leader('leader')).toBeNull()
    })
  })
})
