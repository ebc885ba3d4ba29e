import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../../src/embedded/free-port.js'
import { LockPool, type LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { noMariaDb, OwnMariaDb } from '../support/own-mariadb.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const LEASE_MS = 5000

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'several hosts of MariaDB', () => {
  const pools: LockPool[] = []
  let first: OwnMariaDb
  let second: OwnMariaDb
  /** A port without a server. */
  let nothing: number

  beforeAll(async () => {
    // The servers start one after the other, because a port counts as free until its server has started.
    first = await OwnMariaDb.start('server-id=1', 'log-bin')
    second = await OwnMariaDb.start('server-id=2', 'replicate-wild-ignore-table=lockpool_test_1.%')
    await first.createDatabase()
    await second.createDatabase()
    nothing = await findFreePort()
  }, 120_000)

  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
    for (const server of [first, second]) await server.query('SET GLOBAL read_only = 0')
    await second.query('STOP ALL SLAVES')
    await second.query('RESET SLAVE ALL')
  })

  afterAll(async () => {
    await first?.[Symbol.asyncDispose]()
    await second?.[Symbol.asyncDispose]()
  })

  const urlOf = (...ports: number[]): string =>
    `mysql://lockpool:secret@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/lockpool_test_1`

  function poolOf(connection: LockPoolOptions['connection'], options: LockPoolOptions = {}): LockPool {
    const pool = new LockPool({ connection: connection!, leaseMs: LEASE_MS, ...options })
    pools.push(pool)
    return pool
  }

  const placeOf = (pool: LockPool): string | undefined => pool.snapshot().primary?.host

  async function makeReplica(): Promise<void> {
    // A replica begins with the oldest change, and can't create its database and its procedures again.
    await first.query('RESET MASTER')
    await second.query(
      `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${first.port}, MASTER_USER = 'lockpool', MASTER_PASSWORD = 'secret'`,
    )
    await second.query('START SLAVE')
  }

  const rejection = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => null,
      (error: unknown) => error,
    )

  describe.each(['named', 'table'] as const)('backend "%s"', (backend) => {
    test('a host that is down and one that is read-only are passed over', async () => {
      await first.query('SET GLOBAL read_only = 1')
      const pool = poolOf(urlOf(nothing, first.port, second.port), { backend, namespace: backend })
      await (await pool.acquire('orders')).release()
      expect(placeOf(pool)).toBe(`127.0.0.1:${second.port}`)
    })

    test('a replica is passed over, also if it takes writes, and refused if it is the only host', async () => {
      await makeReplica()
      const pool = poolOf(
        { ...settings(second.port, first.port), database: 'lockpool_test_1' },
        { backend, namespace: backend },
      )
      await (await pool.acquire('orders')).release()
      expect(placeOf(pool)).toBe(`127.0.0.1:${first.port}`)

      const alone = poolOf(urlOf(second.port), { backend, namespace: backend })
      expect(await rejection(alone.acquire('orders'))).toMatchObject({
        ...{ code: 'CONNECTION_FAILED', retryable: true },
        message: expect.stringContaining(`this server is a replica of 127.0.0.1:${first.port}`),
      })
      const active = poolOf(`${urlOf(second.port)}?target_session_attrs=read-write`, {
        backend,
        namespace: backend,
      })
      await (await active.acquire('orders')).release()
    })

    test('after the loss of a server the pool goes to the next, and waiting callers get their locks there', async () => {
      await using way = await TcpProxy.to(urlOf(first.port))
      const pool = poolOf(urlOf(Number(new URL(way.url).port), second.port), { backend, namespace: backend })
      const lock = await pool.acquire('orders')
      expect(placeOf(pool)).toBe(new URL(way.url).host)
      const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
      way.isRefusing = true
      way.reset()
      await lost
      const again = await pool.acquire('orders', { timeoutMs: 30_000 })
      expect(placeOf(pool)).toBe(`127.0.0.1:${second.port}`)
      await again.release()
    })
  })

  test('a borrowed connection whose server has become read-only is not used again', async () => {
    for (const server of [first, second]) {
      await server.query(`CREATE USER IF NOT EXISTS plain@'%' IDENTIFIED BY 'secret'`)
      await server.query(`GRANT ALL ON lockpool_test_1.* TO plain@'%'`)
      await server.query('CREATE OR REPLACE TABLE lockpool_test_1.orders (id INT)')
    }
    const pool = poolOf(urlOf(first.port, second.port).replace('lockpool:', 'plain:'), { max: 1 })
    const write = (): Promise<unknown> => pool.connections.query('INSERT INTO orders VALUES (1)')
    await write()
    await first.query('SET GLOBAL read_only = 1')
    expect(await rejection(write())).toMatchObject({ errno: 1290 })
    await write()
    expect(await second.query('SELECT * FROM lockpool_test_1.orders')).toHaveLength(1)
  })

  test('a host that accepts connections and is silent costs a quarter of a second', async () => {
    await using way = await TcpProxy.to(urlOf(first.port))
    way.isSilent = true
    const pool = poolOf(urlOf(Number(new URL(way.url).port), second.port), { connectTimeoutMs: 20_000 })
    const since = performance.now()
    await (await pool.acquire('orders')).release()
    expect(performance.now() - since).toBeLessThan(9000)
    expect(placeOf(pool)).toBe(`127.0.0.1:${second.port}`)
  })

  test('the error names every host with its reason', async () => {
    await first.query('SET GLOBAL read_only = 1')
    await makeReplica()
    const pool = poolOf(urlOf(nothing, first.port, second.port))
    const error = await rejection(pool.acquire('orders'))
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
    expect((error as Error).message).toMatch(
      new RegExp(
        `none of 3 hosts is a primary: .*:${nothing} says: .*ECONNREFUSED.*:${first.port} says: this server is read-only.*` +
          `:${second.port} says: this server is a replica of`,
      ),
    )
  })

  test('a user without the privilege to look for replication is refused on a replica too', async () => {
    await makeReplica()
    await second.query(`CREATE USER IF NOT EXISTS plain@'%' IDENTIFIED BY 'secret'`)
    await second.query(`GRANT ALL ON lockpool_test_1.* TO plain@'%'`)
    await expect
      .poll(() => second.query(`SHOW GLOBAL STATUS LIKE 'Slaves_running'`))
      .toMatchObject([{ Value: '1' }])
    const pool = poolOf(urlOf(second.port).replace('lockpool:', 'plain:'))
    expect(await rejection(pool.acquire('orders'))).toMatchObject({
      message: expect.stringContaining('replica of another server'),
    })
  })

  test('the commands accept a list of hosts', async () => {
    const url = urlOf(nothing, second.port)
    const ran = lockpool(['run', 'job', '--', 'true'], { url })
    expect([await ran.ended, ran.err]).toEqual([0, ''])
    const listed = lockpool(['ls', '--json', '--url', url])
    expect([await listed.ended, listed.err]).toEqual([0, ''])
    const wrong = lockpool(['ls', '--url', urlOf(nothing, nothing)])
    expect(await wrong.ended).not.toBe(0)
    expect(wrong.err).toContain('none of 2 hosts is a primary')
  })

  function settings(...ports: number[]): { host: string[]; port: number[]; user: string; password: string } {
    return { host: ports.map(() => '127.0.0.1'), port: ports, user: 'lockpool', password: 'secret' }
  }
})
