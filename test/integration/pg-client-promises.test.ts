import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { pidOf, poolsOf } from '../support/pg-pools.js'

/**
 * The promises of pg's documentation about clients that lockpool keeps without a difference. Each test also runs on a
 * pg.Pool.
 */
const world = lockWorld()

describe.each(poolsOf(world))('%s', (_, make) => {
  test('passes on notifications, notices, errors and the end to a client', async () => {
    const pool = make()
    const client = await pool.connect()
    const received = new Set<string>()
    client.on('notification', ({ channel, payload }) => received.add(`${channel} ${payload}`))
    client.once('notice', ({ message }) => received.add(message))
    client.on('error', (error) => received.add((error as { code?: string }).code ?? 'closed'))
    client.on('end', () => received.add('end'))
    await client.query(`LISTEN news; DO $$ BEGIN RAISE NOTICE 'one'; RAISE NOTICE 'two'; END $$`)
    await client.query(`NOTIFY news, 'hello'`)
    await expect.poll(() => [...received], { timeout: 5000 }).toEqual(['one', 'news hello'])

    await world.terminate(pidOf(client))
    await expect.poll(() => received.has('end') && received.has('57P01'), { timeout: 5000 }).toBe(true)

    expect(received).not.toContain('two')
    client.release(true)
  })

  test('keeps a transaction on its client', async () => {
    const pool = make()
    const client = await pool.connect()
    const states = [client.getTransactionStatus()]
    await client.query('BEGIN')
    states.push(client.getTransactionStatus())
    await client.query('SELECT 1/0').catch(() => undefined)
    // The client reports the error before it has the server's last message, which contains the status.
    await expect.poll(() => client.getTransactionStatus(), { timeout: 5000 }).toBe('E')
    await client.query('ROLLBACK')
    states.push(client.getTransactionStatus())
    client.release()

    expect(states).toEqual(['I', 'T', 'I'])
  })

  test('reads a cursor batch by batch, and the connection is good for the next', async () => {
    const pool = make()
    const client = await pool.connect()
    const cursor = client.query(new Cursor<{ n: number }>('SELECT n FROM generate_series(1, $1) AS n', [5]))
    const batches = [await cursor.read(2), await cursor.read(2)]
    await cursor.close()
    const after = await client.query('SELECT 1 AS one')
    client.release()

    expect(batches.map((rows) => rows.map(({ n }) => n))).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(after.rows).toEqual([{ one: 1 }])
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    expect(pool.totalCount).toBe(1)
  })

  test('streams the rows of a query, and reports its error', async () => {
    const pool = make()
    const client = await pool.connect()
    const rows: unknown[] = []
    for await (const row of client.query(new QueryStream('SELECT n FROM generate_series(1, 250) AS n')))
      rows.push(row)
    const failing = client.query(new QueryStream('SELECT 1 / (3 - n) FROM generate_series(1, 3) AS n'))

    expect(await rejection(failing.toArray())).toMatchObject({ code: '22012' })
    client.release()
    expect(rows).toHaveLength(250)
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
  })

  test("gives a client what a client of pg has: quoting, parsers and the server's address", async () => {
    const pool = make()
    const client = await pool.connect()
    const { hostname, port, pathname } = new URL(world.database.url)

    expect([client.escapeIdentifier('a"b'), client.escapeLiteral(`a'b`)]).toEqual(['"a""b"', `'a''b'`])
    expect({ host: client.host, port: client.port, database: client.database }).toEqual({
      host: hostname,
      port: Number(port),
      database: pathname.slice(1),
    })
    expect(await rejection(client.connect())).toBeInstanceOf(Error)
    client.setTypeParser(pg.types.builtins.INT4, (text: string) => `int ${text}`)
    expect((await client.query('SELECT 1::int AS n')).rows).toEqual([{ n: 'int 1' }])
    expect(client.getTypeParser(pg.types.builtins.INT4, 'text')('5')).toBe('int 5')
    client.release(true)
  })

  test('takes a callback in the config, and continues', async () => {
    const pool = make()
    const client = await pool.connect()
    const asked = await new Promise((resolve) => {
      const callback = (error: unknown, result: { rows: unknown[] }): void => resolve([error, result.rows])
      const query = { text: 'SELECT $1::int AS n', values: [7], callback }
      expect(client.query(query)).toBeUndefined()
    })
    const failed = await new Promise((resolve) => {
      client.query({ text: 'SELECT 1/0', callback: resolve } as never)
    })

    expect(asked).toEqual([null, [{ n: 7 }]])
    expect(failed).toMatchObject({ code: '22012' })
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    client.release()
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    expect(pool.totalCount).toBe(1)
  })

  test('runs a statement by its name alone, once it was sent with its text', async () => {
    const pool = make({ max: 1 })
    const client = await pool.connect()
    await client.query({ name: 'one', text: 'SELECT 1 AS one' })

    expect((await client.query({ name: 'one' } as pg.QueryConfig)).rows).toEqual([{ one: 1 }])
    client.release()
    const again = await pool.connect()
    expect((await again.query({ name: 'one' } as pg.QueryConfig)).rows).toEqual([{ one: 1 }])
    expect(await rejection(again.query({} as never))).toMatchObject({
      message: expect.stringMatching(/text or a name/),
    })
    again.release()
  })

  test('refuses a value that is no query', async () => {
    const pool = make()
    const client = await pool.connect()

    expect(() => client.query(null as never)).toThrow(TypeError)
    client.release()
  })
})
