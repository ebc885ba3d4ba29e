import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LockPool } from '../../src/mysql-lock-pool.js'
import type { LockTransaction } from '../../src/dialect/mysql/transaction/lock-transaction.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'an abandoned statement in MariaDB', () => {
  const world = mariaDbWorld()

  /** What the sessions of the test's pools are running. */
  async function running(): Promise<string[]> {
    const rows = await world.server.query<{ info: string }>(
      `SELECT INFO AS info FROM information_schema.PROCESSLIST
       WHERE DB LIKE 'lockpool_test%' AND COMMAND NOT IN ('Sleep', 'Killed') AND INFO LIKE '%abandoned%'`,
    )
    return rows.map(({ info }) => info)
  }

  async function blockedRow(pool: LockPool): Promise<Disposable> {
    await pool.connections.query('CREATE OR REPLACE TABLE abandoned (id INT PRIMARY KEY)')
    await pool.connections.query('INSERT INTO abandoned VALUES (1), (2)')
    const blocker = await pool.connections.getConnection()
    await blocker.beginTransaction()
    await blocker.query('SELECT * FROM abandoned WHERE id = 1 FOR UPDATE')
    return { [Symbol.dispose]: () => blocker.destroy() }
  }

  test.each<[string, (tx: LockTransaction) => Promise<unknown>]>([
    ['query', (tx) => tx.query('UPDATE abandoned SET id = 9 WHERE id = 1')],
    ['execute', (tx) => tx.execute('UPDATE abandoned SET id = ? WHERE id = 1', [9])],
    ['lockRows', (tx) => tx.lockRows('abandoned', { id: 1 }, { timeoutMs: 60_000 })],
    ['a procedure', (tx) => tx.query('CALL abandoned_update()')],
  ])('a transaction that waits in %s ends when it is aborted, and its rows are free', async (_, waits) => {
    const pool = world.pool({ max: 4 })
    using _blocker = await blockedRow(pool)
    await pool.connections.query(
      'CREATE OR REPLACE PROCEDURE abandoned_update() UPDATE abandoned SET id = 9 WHERE id = 1',
    )
    const controller = new AbortController()
    const reason = new Error('enough')
    const aborted = pool.transaction(
      async (tx) => {
        await tx.query('DELETE FROM abandoned WHERE id = 2')
        await waits(tx)
      },
      { signal: controller.signal },
    )
    await expect.poll(running).toHaveLength(1)
    const since = performance.now()
    controller.abort(reason)

    expect(await rejection(aborted)).toBe(reason)
    // The pool waits up to two seconds for a connection that closes.
    expect(performance.now() - since).toBeLessThan(1500)
    await expect.poll(running).toEqual([])
    expect(await pool.transaction((tx) => tx.lockRows('abandoned', { id: 2 }, { wait: 'nowait' }))).toEqual([
      { id: 2 },
    ])
    expect(pool.connections.counts()).toMatchObject({ waiting: 0, leased: 1 })
  })

  test('a transaction that waits for a key ends when it is aborted', async () => {
    const pool = world.pool()
    await using _held = await world.pool().acquire('orders')
    const controller = new AbortController()
    const aborted = pool.transaction((tx) => tx.lock('orders', { timeoutMs: 60_000 }), {
      signal: controller.signal,
    })
    await expect.poll(() => pool.snapshot().keys.flatMap(({ waiters }) => waiters)).toHaveLength(1)
    controller.abort(new Error('enough'))
    expect(await rejection(aborted)).toMatchObject({ message: 'enough' })
  })

  test('the statement of a connection that is destroyed, or that the pool closes, ends', async () => {
    const pool = world.pool({ max: 4 })
    using _blocker = await blockedRow(pool)
    const connection = await pool.connections.getConnection()
    const first = rejection(connection.query('UPDATE abandoned SET id = 9 WHERE id = 1'))
    await expect.poll(running).toHaveLength(1)
    connection.destroy()
    expect(await first).toBeInstanceOf(Error)
    await expect.poll(running).toEqual([])

    const other = world.pool()
    const second = rejection(other.connections.query('UPDATE abandoned SET id = 9 WHERE id = 1'))
    await expect.poll(running).toHaveLength(1)
    await other.close({ graceMs: 0 })
    expect(await second).toBeInstanceOf(Error)
    expect(await running()).toEqual([])
  })

  test('no session is ended on a server that another connection of the address leads to', async () => {
    const pool = world.pool({ max: 4 })
    using _blocker = await blockedRow(pool)
    await using way = await TcpProxy.to(world.url)
    const behind = world.pool({ connection: way.url })
    const stays = world.pool()
    const kept = rejection(stays.connections.query('UPDATE abandoned SET id = 8 WHERE id = 1'))
    await expect.poll(running).toHaveLength(1)
    const connection = await behind.connections.getConnection()
    const lost = rejection(connection.query('SELECT SLEEP(60), "abandoned"'))
    await expect.poll(running).toHaveLength(2)
    const before = await world.server.query<{ n: string }>(`SHOW GLOBAL STATUS LIKE 'Com_kill'`)
    await world.server.query(`SET GLOBAL server_id = 77`)
    connection.destroy()
    expect(await lost).toBeInstanceOf(Error)
    await pause(300)
    expect(await world.server.query(`SHOW GLOBAL STATUS LIKE 'Com_kill'`)).toEqual(before)
    await world.server.query(`SET GLOBAL server_id = 1`)
    for (const { id } of await world.server.query<{ id: number }>(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(60)%'`,
    ))
      await world.server.kill(id)
    await stays.close({ graceMs: 0 })
    expect(await kept).toBeInstanceOf(Error)
  })
})
