import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { LockPool, LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { encodeRowKey } from '../../src/dialect/mysql/table/key.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'locks in rows of InnoDB', () => {
  const world = mariaDbWorld()
  const children: ChildProcess[] = []

  const pool = (options: LockPoolOptions = {}): LockPool => world.pool({ backend: 'table', ...options })

  const database = (): string => new URL(world.url).pathname.slice(1)

  /** Returns rows with a holder or a waiter, and members that have not left. */
  async function leftovers(): Promise<unknown[]> {
    await world.closeAll()
    const rows = await world.server.query(
      `SELECT k FROM ${database()}.lockpool_lease
       WHERE owner IS NOT NULL OR CHAR_LENGTH(readers) > 1 OR CHAR_LENGTH(waiters) > 1
       UNION ALL SELECT id FROM ${database()}.lockpool_member UNION ALL SELECT id FROM ${database()}.lockpool_gate`,
    )
    return rows
  }

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await expect.poll(leftovers, { timeout: 20_000 }).toEqual([])
  })

  // Each waiter polls. One that comes a quarter of a second late, on a busy machine, is passed.
  test(
    'a lock has one holder at a time, waiters get it in order, and tokens grow',
    { retry: 2 },
    async () => {
      const [a, b, c] = [pool(), pool(), pool()]
      const lock = await a.acquire('orders')
      expect(await b.tryAcquire('orders')).toBeNull()
      const order: string[] = []
      const waits = async (of: LockPool, name: string): Promise<bigint> => {
        const own = await of.acquire('orders')
        order.push(name)
        await own.release()
        return own.token
      }
      const first = waits(b, 'b')
      await expect.poll(async () => (await waiters()).length).toBe(1)
      const second = waits(c, 'c')
      await expect.poll(async () => (await waiters()).length).toBe(2)
      await lock.release()

      const tokens = [lock.token, await first, await second]
      expect(order).toEqual(['b', 'c'])
      expect(tokens).toEqual(tokens.toSorted((x, y) => (x < y ? -1 : 1)))
      expect(new Set(tokens).size).toBe(3)
    },
  )

  test('two replicas that take over one after the other, and know nothing of each other, give no token twice', async () => {
    const at = database()
    const copies = `CREATE TABLE ${at}.lease_before AS SELECT * FROM ${at}.lockpool_lease;
      CREATE TABLE ${at}.floor_before AS SELECT * FROM ${at}.lockpool_floor`
    const takeOver = `DELETE FROM ${at}.lockpool_lease; INSERT INTO ${at}.lockpool_lease SELECT * FROM ${at}.lease_before;
      REPLACE INTO ${at}.lockpool_floor SELECT * FROM ${at}.floor_before; UPDATE ${at}.lockpool_floor SET place = 'the old primary'`
    const run = async (text: string): Promise<void> => {
      for (const statement of text.split(';')) await world.server.query(statement)
    }
    const grant = async (locks: LockPool): Promise<bigint> => {
      const lock = await locks.acquire('orders')
      await lock.release()
      return lock.token
    }
    const tokens = [await grant(pool())]
    await world.closeAll()
    await run(copies)
    for (let i = 0; i < 2; i++) {
      await run(takeOver)
      const locks = pool()
      tokens.push(await grant(locks), await grant(locks))
      await world.closeAll()
    }
    await run(`DROP TABLE ${at}.lease_before; DROP TABLE ${at}.floor_before`)

    expect(tokens).toEqual(tokens.toSorted((x, y) => (x < y ? -1 : 1)))
    expect(new Set(tokens).size).toBe(tokens.length)
  })

  async function waiters(): Promise<string[]> {
    const rows = await world.server.query<{ waiters: string }>(
      `SELECT waiters FROM ${database()}.lockpool_lease WHERE CHAR_LENGTH(waiters) > 1`,
    )
    return rows.flatMap((row) => row.waiters.trim().split(' '))
  }

  test('a counter that three pools change under the lock is right', async () => {
    await world.server.query(`CREATE OR REPLACE TABLE ${database()}.counter (n INT NOT NULL)`)
    await world.server.query(`INSERT INTO ${database()}.counter VALUES (0)`)
    const pools = [pool(), pool(), pool()]
    const add = async (of: LockPool): Promise<void> => {
      await of.withLock('counter', async () => {
        const [[row]] = (await of.connections.query('SELECT n FROM counter')) as unknown as [[{ n: number }]]
        await of.connections.query('UPDATE counter SET n = ?', [row.n + 1])
      })
    }
    await Promise.all(pools.flatMap((of) => Array.from({ length: 20 }, () => add(of))))

    const [row] = await world.server.query<{ n: number }>(`SELECT n FROM ${database()}.counter`)
    expect(row).toEqual({ n: 60 })
  })

  test('readers share, a writer waits for them, and readers that come later wait for the writer', async () => {
    const [a, b, c] = [pool(), pool(), pool()]
    const readers = await Promise.all([
      a.acquire('report', { mode: 'shared' }),
      b.acquire('report', { mode: 'shared' }),
    ])
    const order: string[] = []
    const writing = c.acquire('report').then(async (lock) => {
      order.push('writer')
      await lock.release()
    })
    await expect.poll(async () => (await waiters()).length).toBe(1)
    const reading = a.acquire('report', { mode: 'shared' }).then(async (lock) => {
      order.push('reader')
      await lock.release()
    })
    await pause(100)
    expect(order).toEqual([])
    for (const each of readers) await each.release()
    await Promise.all([writing, reading])

    expect(order).toEqual(['writer', 'reader'])
  })

  test('a semaphore has as many holders as permits, over all pools', async () => {
    const [a, b] = [pool(), pool()]
    let [now, most] = [0, 0]
    const work = async (of: LockPool): Promise<void> => {
      await using _permit = await of.semaphore('pdf', 3).acquire()
      most = Math.max(most, ++now)
      await pause(5)
      now--
    }
    await Promise.all([a, b].flatMap((of) => Array.from({ length: 15 }, () => work(of))))
    expect(most).toBe(3)
  })

  test('a key that many callers want goes to each in turn', async () => {
    const pools = [pool(), pool(), pool(), pool()]
    const grants = await Promise.all(
      pools.flatMap((of) =>
        Array.from({ length: 5 }, async () => {
          const lock = await of.acquire('hot', { timeoutMs: 60_000 })
          await pause(2)
          await lock.release()
          return lock.token
        }),
      ),
    )
    expect(new Set(grants).size).toBe(20)
  })

  /** Starts a process that holds the lock `key`. */
  async function holder(key: string, leaseMs: number): Promise<ChildProcess> {
    const program = new URL('../support/mariadb-holder.mjs', import.meta.url).pathname
    const child = spawn(process.execPath, [program, world.url, key, String(leaseMs), 'table'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    await once(child.stdout, 'data')
    return child
  }

  test.each(['SIGSTOP', 'SIGKILL'] as const)(
    'after a process was hit by %s, the next one gets its lock when the lease is over, and not before',
    async (signal) => {
      const child = await holder('frozen', 3000)
      const next = pool({ leaseMs: 3000 })
      await next.ready()
      const struckAt = performance.now()
      child.kill(signal)
      const lock = await next.acquire('frozen', { timeoutMs: 60_000 })
      // The last heartbeat came up to a third of the lease before the signal, so the lease may end that much earlier.
      expect(performance.now() - struckAt).toBeGreaterThan(1900)
      await lock.release()
    },
  )

  test('connections that are killed cost no lock', async () => {
    const locks = pool()
    const lock = await locks.acquire('kept')
    const lost: unknown[] = []
    locks.on('lock:lost', (event) => lost.push(event))
    for (let i = 0; i < 8; i++) {
      for (const id of await world.sessions()) await world.server.kill(id).catch(() => undefined)
      await locks.withLock(`other ${i}`, () => undefined)
    }
    expect(lock.isHeld).toBe(true)
    expect(lost).toEqual([])
    await lock.release()
  })

  test('a server that crashes and comes back keeps locks, and tokens grow over it', async () => {
    const locks = pool({ leaseMs: 30_000 })
    const before = await locks.acquire('over the crash')
    const other = await locks.acquire('given up')
    await other.release()
    await world.server.halt('SIGKILL')
    await world.server.boot()

    expect(before.isHeld).toBe(true)
    const next = pool({ leaseMs: 30_000 })
    expect(await next.tryAcquire('over the crash')).toBeNull()
    const again = await next.acquire('given up')
    expect(again.token).toBeGreaterThan(other.token)
    await again.release()
    await before.release()
  })

  test('a member that an administrator marks dead has lost its locks, and they are free at once', async () => {
    const [a, b] = [pool(), pool()]
    const lock = await a.acquire('taken away')
    const lost = once(lock.signal, 'abort')
    const next = b.acquire('taken away')
    await world.server.query(`UPDATE ${database()}.lockpool_member SET dead = 1 WHERE id = ?`, [
      a.snapshot().sessions[0]!.serverId,
    ])
    await lost
    expect(lock.isHeld).toBe(false)
    await (await next).release()
  })

  test('a single attempt gets a lock that a dead member has left, before the row is cleaned up', async () => {
    const locks = pool()
    await locks.withLock('left behind', () => undefined)
    const { bits } = encodeRowKey('left behind', '')
    const dead = `(id, dead, lease_ms, namespace, name) VALUES (7, 1, 600000, '', 'process 7 on nowhere (gone)')`
    await world.server.query(`INSERT INTO ${database()}.lockpool_member ${dead}`)
    await world.server.query(`UPDATE ${database()}.lockpool_lease SET owner = 7 WHERE k = ${bits}`)

    // With its next heartbeat, the pool learns that the member is dead.
    await expect
      .poll(async () => (await locks.tryAcquire('left behind'))?.release().then(() => true), {
        timeout: 20_000,
      })
      .toBe(true)

    const left = await world.server.query(`SELECT id FROM ${database()}.lockpool_member WHERE id = 7`)
    expect(left).toHaveLength(1)
    await world.server.query(`DELETE FROM ${database()}.lockpool_member WHERE id = 7`)
  })

  test.each([
    ['named', 'table'],
    ['table', 'named'],
  ] as const)('where a pool with backend "%s" was first, one with "%s" is refused', async (first, second) => {
    const namespace = `first ${first}`
    await world.pool({ backend: first, namespace }).withLock('x', () => undefined)
    await expect(
      world.pool({ backend: second, namespace }).withLock('x', () => undefined),
    ).rejects.toMatchObject({
      code: 'BACKEND_MISMATCH',
      message: expect.stringContaining(`backend "${first}"`),
    })
    // The backend of one namespace does not affect another namespace.
    await world.pool({ backend: second, namespace: `${namespace} not` }).withLock('x', () => undefined)
  })
})
