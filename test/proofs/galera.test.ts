import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { lockpool, type Started } from '../support/command-line.js'
import { noGalera, OwnGalera } from '../support/own-galera.js'

const DATABASE = 'lockpool_test'

describe.skipIf(noGalera !== null)(noGalera ?? 'locks in a Galera cluster of three nodes', () => {
  let cluster: OwnGalera
  let urls: string[]
  const pools: LockPool[] = []

  beforeAll(async () => {
    cluster = await OwnGalera.start()
    urls = await cluster.createDatabase(DATABASE)
    while (!(await databases(2)).includes(DATABASE)) await pause(50)
  }, 240_000)

  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
    // A test whose pools were all refused has made no tables.
    if ((await cluster.nodes[0]!.query(`SHOW TABLES FROM ${DATABASE} LIKE 'lockpool_lease'`)).length === 0)
      return
    const left = `SELECT k FROM ${DATABASE}.lockpool_lease
      WHERE owner IS NOT NULL OR CHAR_LENGTH(readers) > 1 OR CHAR_LENGTH(waiters) > 1
      UNION ALL SELECT id FROM ${DATABASE}.lockpool_member UNION ALL SELECT id FROM ${DATABASE}.lockpool_gate`
    await expect.poll(() => cluster.nodes[0]!.query(left), { timeout: 90_000 }).toEqual([])
  })

  afterAll(() => cluster?.[Symbol.asyncDispose]())

  async function databases(node: number): Promise<string[]> {
    const rows = await cluster.nodes[node]!.query<{ Database: string }>('SHOW DATABASES')
    return rows.map(({ Database }) => Database)
  }

  function pool(node: number, options: LockPoolOptions = {}): LockPool {
    const made = new LockPool({ connection: urls[node]!, backend: 'table', leaseMs: 20_000, ...options })
    pools.push(made)
    return made
  }

  test('pools on different nodes exclude each other, in order, with tokens that grow', async () => {
    const [a, b, c] = [pool(0), pool(1), pool(2)]
    const lock = await a.acquire('orders')
    expect(await b.tryAcquire('orders')).toBeNull()
    expect(await c.tryAcquire('orders')).toBeNull()
    const next = b.acquire('orders')
    await pause(200)
    await lock.release()
    const second = await next
    expect(second.token).toBeGreaterThan(lock.token)
    await second.release()
    const third = await c.acquire('orders')
    expect(third.token).toBeGreaterThan(second.token)
    await third.release()
  })

  test('a counter that pools on three nodes change under the lock is right', async () => {
    await cluster.nodes[0]!.query(
      `CREATE OR REPLACE TABLE ${DATABASE}.counter (id INT PRIMARY KEY, n INT NOT NULL)`,
    )
    await cluster.nodes[0]!.query(`INSERT INTO ${DATABASE}.counter VALUES (1, 0)`)
    const tokens: bigint[] = []
    const add = async (of: LockPool): Promise<void> => {
      await of.withLock('counter', async (lock) => {
        tokens.push(lock.token)
        await of.transaction(async (tx) => {
          await tx.query('UPDATE counter SET n = n + 1 WHERE id = 1')
          await lock.guard(tx, 'counter')
        })
      })
    }
    const all = [pool(0), pool(1), pool(2)]
    await Promise.all(all.flatMap((of) => Array.from({ length: 8 }, () => add(of))))
    expect(tokens).toEqual(tokens.toSorted((x, y) => (x < y ? -1 : 1)))
    const [row] = await cluster.nodes[0]!.query<{ n: number }>(`SELECT n FROM ${DATABASE}.counter`)
    expect(row).toEqual({ n: 24 })
  })

  test('one key that is tried on all nodes at once is granted once, 100 times', async () => {
    const all = [pool(0), pool(1), pool(2)]
    await Promise.all(all.map((of) => of.ready()))
    for (let i = 0; i < 100; i++) {
      const locks = await Promise.all(all.map((of) => of.tryAcquire(`race ${i % 10}`)))
      const had = locks.filter((lock) => lock !== null)
      expect(had.length, `round ${i}`).toBeLessThanOrEqual(1)
      await Promise.all(had.map((lock) => lock.release()))
    }
  })

  test('readers share over nodes, and a semaphore has as many holders as permits', async () => {
    const [a, b] = [pool(0), pool(1)]
    const readers = await Promise.all([a, b].map((of) => of.acquire('report', { mode: 'shared' })))
    expect(await a.tryAcquire('report')).toBeNull()
    await Promise.all(readers.map((lock) => lock.release()))
    let [now, most] = [0, 0]
    await Promise.all(
      [a, b].flatMap((of) =>
        Array.from({ length: 8 }, async () => {
          await using _permit = await of.semaphore('pdf', 2).acquire()
          most = Math.max(most, ++now)
          await pause(5)
          now--
        }),
      ),
    )
    expect(most).toBe(2)
  })

  test('named locks, and leases that are shorter than the loss of a node, are refused', async () => {
    await expect(pool(0, { backend: 'named' }).acquire('x')).rejects.toMatchObject({
      message: expect.stringMatching(/Galera.*backend "table"/),
    })
    await expect(pool(0, { leaseMs: 5000 }).acquire('x')).rejects.toMatchObject({
      message: expect.stringContaining('20000'),
    })
  })

  test('a namespace moves to rows, also from a move that was broken off, and never to named locks', async () => {
    const tables = pool(0, { namespace: 'tables' })
    await tables.ready()
    // What a single server has recorded before it became a node, and a move that was killed there.
    await cluster.nodes[0]!.query(
      `INSERT INTO ${DATABASE}.lockpool_backend (namespace, backend, used_by) VALUES
        ('from one server', 'named', 'a process'), ('broken off', 'moving from named', 'a process')`,
    )
    const move = (to: string, namespace: string): Started =>
      lockpool(['migrate-backend', '--to', to, '--namespace', namespace], { url: urls[1]! })
    for (const namespace of ['from one server', 'broken off']) {
      const moved = move('table', namespace)
      expect(await moved.ended, moved.err).toBe(0)
      await (await pool(2, { namespace }).acquire('orders')).release()
    }
    const refused = move('named', 'from one server')
    expect(await refused.ended).toBe(69)
    expect(refused.err).toContain('Galera')
    await (await pool(2, { namespace: 'from one server' }).acquire('orders')).release()

    const doctor = lockpool(['doctor', '--lease', '20s'], { url: urls[1]! })
    expect(await doctor.ended, doctor.out.toString()).toBe(0)
    expect(doctor.out.toString()).toMatch(/lease +a lock is free 20 s after its heartbeat/)
  })

  test('when a node is killed, locks of other nodes stay, later grants have greater tokens, and the node comes back', async () => {
    const [a, c] = [pool(0), pool(2)]
    const kept = await a.acquire('kept')
    const before = await c.acquire('moves on')
    const lost = once(before.signal, 'abort')
    await cluster.nodes[2]!.halt('SIGKILL')

    // Whatever the cluster answers while it recovers, the lock on the other node stays.
    const next = await a.acquire('moves on', { timeoutMs: 120_000 })
    expect(before.state).not.toBe('held')
    await lost
    expect(next.token).toBeGreaterThan(before.token)
    expect(kept.state).toBe('held')
    await next.release()
    await kept.release()

    await cluster.nodes[2]!.boot()
    const again = pool(2)
    const lock = await again.acquire('moves on')
    expect(lock.token).toBeGreaterThan(next.token)
    await lock.release()
  }, 240_000)

  /** One URL that lists nodes, in this order. */
  function listOf(...nodes: number[]): string {
    const [first, ...others] = nodes.map((node) => new URL(urls[node]!))
    return first!.href.replace(first!.host, [first!, ...others].map(({ host }) => host).join(','))
  }

  const placeOf = (of: LockPool): string | undefined => of.snapshot().primary?.host
  const hostOf = (node: number): string => new URL(urls[node]!).host

  test('a pool that knows all nodes keeps its lock when its node is killed, and goes on with the next', async () => {
    const [a, b] = [pool(1, { connection: listOf(1, 0, 2), leaseMs: 40_000 }), pool(2)]
    const lock = await a.acquire('survives')
    expect(placeOf(a)).toBe(hostOf(1))
    await cluster.nodes[1]!.halt('SIGKILL')
    const other = await a.acquire('of the next node', { timeoutMs: 60_000 })
    expect(lock.state).toBe('held')
    expect(await b.tryAcquire('survives')).toBeNull()
    const waiting = b.acquire('survives', { timeoutMs: 60_000 })
    await lock.release()
    const next = await waiting
    expect(next.token).toBeGreaterThan(lock.token)
    await next.release()
    await other.release()
    await cluster.nodes[1]!.boot()
  }, 240_000)

  test('a node outside of the primary component is passed over', async () => {
    const node = cluster.nodes[1]!
    const a = pool(1, { connection: listOf(1, 0, 2), leaseMs: 40_000 })
    const lock = await a.acquire('survives')
    expect((await a.connections.query('SELECT 1 AS n'))[0]).toEqual([{ n: 1 }])
    await node.query(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'`)
    await expect.poll(() => node.status('wsrep_cluster_status'), { timeout: 60_000 }).not.toBe('Primary')
    const other = await a.acquire('of the next node', { timeoutMs: 60_000 })
    expect(lock.state).toBe('held')
    await expect
      .poll(() =>
        a.connections.query('SELECT 1').then(
          () => 'an answer',
          () => 'an error',
        ),
      )
      .toBe('an answer')
    const late = pool(1, { connection: listOf(1, 0, 2) })
    await (await late.acquire('late')).release()
    expect(placeOf(late)).toBe(hostOf(0))
    const alone = pool(1)
    await expect(alone.acquire('late')).rejects.toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
    await other.release()
    await lock.release()
    await node.query(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'`)
    await expect.poll(() => node.status('wsrep_local_state_comment'), { timeout: 60_000 }).toBe('Synced')
  }, 240_000)

  test('while a node is frozen no lock is held twice, and its pool continues afterwards', async () => {
    const [a, b] = [pool(0), pool(1)]
    const own = await b.acquire('of the frozen')
    cluster.nodes[1]!.signal('SIGSTOP')
    const next = a.acquire('of the frozen', { timeoutMs: 120_000 }).then((lock) => {
      // By now the previous holder must know that it has lost the lock.
      expect(own.state).not.toBe('held')
      return lock
    })
    const lock = await next
    expect(lock.token).toBeGreaterThan(own.token)
    await lock.release()
    cluster.nodes[1]!.signal('SIGCONT')
    const again = await b.acquire('of the frozen', { timeoutMs: 120_000 })
    expect(again.token).toBeGreaterThan(lock.token)
    await again.release()
  }, 240_000)
})
