import { setTimeout as pause } from 'node:timers/promises'
import type { RowDataPacket } from 'mysql2'
import { describe, expect, test } from 'vitest'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'connections to MariaDB', () => {
  const world = mariaDbWorld()

  describe('borrowed connections', () => {
    test('are those of a mysql2 pool, and are clean when they come back', async () => {
      const pool = world.pool({ max: 2 })
      const [rows] = await pool.connections.query<RowDataPacket[]>('SELECT ? + 1 AS n', [41])
      expect(rows).toEqual([{ n: 42 }])
      expect((await pool.connections.execute<RowDataPacket[]>('SELECT ? AS s', ['x']))[0]).toEqual([
        { s: 'x' },
      ])

      const connection = await pool.connections.getConnection()
      const { threadId } = connection
      const [[before]] = await connection.query<RowDataPacket[]>(
        'SELECT @@character_set_client AS c, DATABASE() AS d',
      )
      await connection.query(`SELECT GET_LOCK('mine', 0)`)
      await connection.query(`SET @x = 1, SESSION sql_mode = 'ANSI'`)
      await connection.query('CREATE TEMPORARY TABLE mine (n INT)')
      await connection.query('CREATE TABLE IF NOT EXISTS orders (id INT PRIMARY KEY)')
      await connection.query('USE mysql')
      await connection.beginTransaction()
      connection.release()
      await expect(connection.query('SELECT 1')).rejects.toThrow('was released')

      const again = await pool.connections.getConnection()
      expect(again.threadId).toBe(threadId)
      const [[after]] = await again.query<RowDataPacket[]>(
        `SELECT @@character_set_client AS c, DATABASE() AS d, @x AS x, @@in_transaction AS t, IS_FREE_LOCK('mine') AS free`,
      )
      expect(after).toEqual({ ...before, x: null, t: 0, free: 1 })
      await expect(again.query('SELECT * FROM mine')).rejects.toMatchObject({ errno: 1146 })
      again.release()
    })

    test('the flow of a program that locks by its own SQL', async () => {
      const pool = world.pool({ max: 1 })
      for (let round = 0; round < 3; round++) {
        const connection = await pool.connections.getConnection()
        const [[row]] = await connection.query<RowDataPacket[]>(`SELECT GET_LOCK('job', 1) AS got`)
        expect(row).toEqual({ got: 1 })
        await connection.query(`SELECT RELEASE_LOCK('job')`)
        connection.release()
      }
    })

    test('a connection that dies is replaced, and ends nothing else', async () => {
      const pool = world.pool({ max: 2 })
      const connection = await pool.connections.getConnection()
      await world.server.kill(connection.threadId)
      await expect.poll(() => rejection(connection.query('SELECT 1'))).not.toBeNull()
      connection.release()

      expect((await pool.connections.query<RowDataPacket[]>('SELECT 1 AS n'))[0]).toEqual([{ n: 1 }])
    })
  })

  describe('transactions', () => {
    test('commit, and roll back with the body', async () => {
      const pool = world.pool()
      await pool.connections.query('CREATE TABLE t1 (id INT PRIMARY KEY, n INT)')
      await pool.transaction((tx) => tx.query('INSERT INTO t1 VALUES (1, 10), (2, 20)'))
      const failure = new Error('no')

      expect(
        await rejection(
          pool.transaction(async (tx) => {
            await tx.execute('DELETE FROM t1')
            throw failure
          }),
        ),
      ).toBe(failure)
      expect((await pool.connections.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM t1'))[0]).toEqual([
        { n: 2 },
      ])
    })

    test('lockRows waits for rows, refuses at once, or skips locked rows', async () => {
      const pool = world.pool()
      await pool.connections.query('CREATE TABLE t2 (id INT PRIMARY KEY, name VARCHAR(9))')
      await pool.connections.query(`INSERT INTO t2 VALUES (1, 'a'), (2, 'b'), (3, NULL)`)

      await pool.transaction(async (tx) => {
        expect(await tx.lockRows('t2', { id: 1 })).toEqual([{ id: 1, name: 'a' }])
        await pool.transaction(async (other) => {
          const nowait = await rejection(other.lockRows('t2', { id: [1, 2] }, { wait: 'nowait' }))
          expect(nowait).toMatchObject({ code: 'LOCK_TIMEOUT' })
          expect(await other.lockRows('t2', { id: [1, 2] }, { wait: 'skip locked' })).toEqual([
            { id: 2, name: 'b' },
          ])
          const late = await rejection(other.lockRows('t2', { id: 1 }, { timeoutMs: 900 }))
          expect(late).toMatchObject({ code: 'LOCK_TIMEOUT' })
          // After the timeout the transaction is still usable, and keeps its rows.
          expect(await other.lockRows('t2', { id: 2 })).toEqual([{ id: 2, name: 'b' }])
          expect(await other.lockRows('t2', { id: 3, name: null }, { strength: 'share' })).toHaveLength(1)
          expect(await other.lockRows('t2', { id: [] })).toEqual([])
        })
      })
    })

    test('a deadlock is reported, and retried if the options say so', async () => {
      const pool = world.pool()
      await pool.connections.query('CREATE TABLE t3 (id INT PRIMARY KEY)')
      await pool.connections.query('INSERT INTO t3 VALUES (1), (2)')
      const swallowed: unknown[] = []
      const run = (first: number, second: number, retries: number): Promise<void> =>
        pool.transaction(
          async (tx) => {
            await tx.lockRows('t3', { id: first })
            await pause(200)
            await tx.lockRows('t3', { id: second }).catch(async (error: unknown) => {
              swallowed.push(await rejection(tx.query('DELETE FROM t3')))
              throw error
            })
          },
          { retries },
        )

      const outcomes = await Promise.allSettled([run(1, 2, 0), run(2, 1, 0)])
      const failed = outcomes.filter((each) => each.status === 'rejected')
      expect(failed.map(({ reason }) => (reason as { code: string }).code)).toEqual(['LOCK_DEADLOCK'])
      expect(swallowed).toEqual([
        expect.objectContaining({ message: expect.stringContaining('rolled this transaction back') }),
      ])
      await Promise.all([run(1, 2, 5), run(2, 1, 5)])
    })

    test.each([
      'COMMIT',
      'ROLLBACK',
      'COMMIT AND CHAIN',
      '/* again */ START TRANSACTION',
      'CREATE TABLE IF NOT EXISTS t6 (id INT)',
      // This statement fails because the table exists, but it commits the transaction first.
      'CREATE TABLE t5 (id INT)',
      'CALL ends_it()',
    ])('a body that ends its transaction by %s is refused what comes next', async (end) => {
      const pool = world.pool()
      await pool.connections.query('CREATE OR REPLACE TABLE t5 (id INT PRIMARY KEY)')
      await pool.connections.query('CREATE OR REPLACE PROCEDURE ends_it() BEGIN COMMIT; SELECT 1; END')
      const refused: unknown[] = []

      const error = await rejection(
        pool.transaction(async (tx) => {
          await tx.query('INSERT INTO t5 VALUES (1)')
          await tx.query(end).catch(() => undefined)
          refused.push(
            await rejection(tx.query('INSERT INTO t5 VALUES (2)')),
            await rejection(tx.lock('orders')),
          )
        }),
      )

      const failed = { code: 'TRANSACTION_FAILED', isUnknown: true }
      expect([error, ...refused]).toMatchObject([failed, failed, failed])
      expect((await pool.connections.query<RowDataPacket[]>('SELECT * FROM t5 WHERE id = 2'))[0]).toEqual([])
    })

    test.each([
      'SELECT 1; COMMIT AND CHAIN; SELECT 2',
      `SELECT ';'; START TRANSACTION`,
      'COMMIT; SELECT 1 FROM nothing',
      'ROLLBACK AND CHAIN; SELECT 1 FROM nothing',
      'SELECT 1; BEGIN; SELECT 1 FROM nothing',
    ])('a body that ends its transaction within a text, by %s, is refused what comes next', async (text) => {
      const pool = world.pool({ connection: `${world.url}?multipleStatements=true` })
      await pool.connections.query('CREATE OR REPLACE TABLE t5 (id INT PRIMARY KEY)')
      let refused: unknown = null

      const error = await rejection(
        pool.transaction(async (tx) => {
          await tx.query('INSERT INTO t5 VALUES (1)')
          await tx.query(text).catch(() => undefined)
          refused = await rejection(tx.query('INSERT INTO t5 VALUES (2)'))
        }),
      )

      const failed = { code: 'TRANSACTION_FAILED', isUnknown: true }
      expect([error, refused]).toMatchObject([failed, failed])
    })

    test('a text that fails before the end of the transaction, or contains no end, is not taken for an end', async () => {
      const pool = world.pool({ connection: `${world.url}?multipleStatements=true` })
      await pool.connections.query('CREATE OR REPLACE TABLE t5 (id INT PRIMARY KEY)')

      await pool.transaction(async (tx) => {
        await tx.query('SAVEPOINT a; INSERT INTO t5 VALUES (1); ROLLBACK TO a; INSERT INTO t5 VALUES (2)')
        await rejection(tx.query(`INSERT INTO t5 VALUES (3); SELECT ';COMMIT;' FROM nothing; SELECT 1`))
        await rejection(tx.query('SELECT 1 FROM nothing; COMMIT AND CHAIN'))
        await tx.query('INSERT INTO t5 VALUES (4)')
      })

      const [rows] = await pool.connections.query<RowDataPacket[]>('SELECT id FROM t5 ORDER BY id')
      expect(rows.map(({ id }) => id as number)).toEqual([2, 3, 4])
    })

    test('a body that has ended its transaction is not run again after a deadlock', async () => {
      const pool = world.pool({ connection: `${world.url}?multipleStatements=true` })
      await pool.connections.query('CREATE OR REPLACE TABLE t5 (id INT PRIMARY KEY)')
      const failure = `SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213`
      let runs = 0

      const error = await rejection(
        pool.transaction(
          (tx) => {
            runs++
            return tx.query(`INSERT INTO t5 VALUES (1); COMMIT; START TRANSACTION; ${failure}`)
          },
          { retries: 3 },
        ),
      )

      expect(error).toMatchObject({ errno: 1213 })
      expect(runs).toBe(1)
    })

    test.each([
      ['SAVEPOINT a', 'ROLLBACK WORK TO SAVEPOINT a'],
      [`SELECT 0 AS serverStatus`, 'SELECT 1'],
      ['INSERT INTO t5 VALUES (1)', `INSERT INTO t5 VALUES (1)`],
      [`UPDATE t5 SET id = 3 WHERE 'commit' = 'and chain'`, 'CALL ends_nothing()'],
    ])('%s and %s end no transaction', async (first, second) => {
      const pool = world.pool()
      await pool.connections.query('CREATE OR REPLACE TABLE t5 (id INT PRIMARY KEY)')
      await pool.connections.query('CREATE OR REPLACE PROCEDURE ends_nothing() SELECT 1')

      await pool.transaction(async (tx) => {
        await tx.query(first)
        await tx.query(second).catch(() => undefined)
        await tx.execute('INSERT INTO t5 VALUES (2)')
      })

      expect((await pool.connections.query<RowDataPacket[]>('SELECT id FROM t5 WHERE id = 2'))[0]).toEqual([
        { id: 2 },
      ])
    })

    test('a lock of the pool ends with the transaction', async () => {
      const [a, b] = [world.pool(), world.pool()]

      await a.transaction(async (tx) => {
        await tx.lock('orders')
        expect(await tx.tryLock('more')).toBe(true)
        expect(await b.tryAcquire('orders')).toBeNull()
      })

      const both = await b.acquireAll(['orders', 'more'])
      await both.release()
    })

    test('a transaction whose lock was lost is not committed', async () => {
      const pool = world.pool()
      await pool.connections.query('CREATE TABLE t4 (id INT PRIMARY KEY)')

      const error = await rejection(
        pool.transaction(async (tx) => {
          await tx.lock('orders')
          await tx.query('INSERT INTO t4 VALUES (1)')
          for (const { id, name } of await world.server.namedLocks())
            if (name.startsWith('lp1')) await world.server.kill(id)
          await pause(200)
        }),
      )

      expect(error).toMatchObject({ code: 'LOCK_LOST' })
      expect((await pool.connections.query<RowDataPacket[]>('SELECT * FROM t4'))[0]).toEqual([])
    })
  })
})
