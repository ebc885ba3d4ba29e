import { once } from 'node:events'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { pidOf, poolsOf } from '../support/pg-pools.js'

/** The promises of pg.Pool's documentation that lockpool keeps without a difference. Each test also runs on a pg.Pool. */
const world = lockWorld()

describe.each(poolsOf(world))('%s', (_, make) => {
  test('answers a text, values, a name, rows as arrays, parsers, and several statements at once', async () => {
    const pool = make()
    const types = {
      getTypeParser: () => (text: string) => `parsed ${text}`,
    } as unknown as pg.CustomTypesConfig

    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect((await pool.query('SELECT $1::int AS n', [2])).rows).toEqual([{ n: 2 }])
    expect((await pool.query({ text: 'SELECT $1::int AS n', values: [3] })).rows).toEqual([{ n: 3 }])
    expect((await pool.query({ text: 'SELECT 1, 2', rowMode: 'array' })).rows).toEqual([[1, 2]])
    expect((await pool.query({ text: 'SELECT 1 AS n', types })).rows).toEqual([{ n: 'parsed 1' }])
    const named = { name: 'four', text: 'SELECT $1::int AS n' }
    expect((await pool.query(named, [4])).rows).toEqual([{ n: 4 }])
    expect((await pool.query(named, [5])).rows).toEqual([{ n: 5 }])
    const several = (await pool.query('SELECT 1; SELECT 2')) as unknown as pg.QueryResult[]
    expect(several.map(({ rowCount }) => rowCount)).toEqual([1, 1])
    const { command, rowCount, fields } = await pool.query('SELECT 1 AS one')
    expect({ command, rowCount, fields: fields.map(({ name }) => name) }).toEqual({
      command: 'SELECT',
      rowCount: 1,
      fields: ['one'],
    })
  })

  test('answers callbacks: of queries with and without values, and their errors', async () => {
    const pool = make()
    const answers = await Promise.all([
      new Promise((resolve) =>
        pool.query('SELECT 1 AS n', (error, result) => resolve([!error, result.rows])),
      ),
      new Promise((resolve) =>
        pool.query('SELECT $1::int AS n', [2], (error, result) => resolve([!error, result.rows])),
      ),
      new Promise((resolve) =>
        pool.query({ text: 'SELECT 1/0' }, (error, result) => resolve([error, result])),
      ),
    ])

    expect(answers).toMatchObject([
      [true, [{ n: 1 }]],
      [true, [{ n: 2 }]],
      [{ code: '22012' }, undefined],
    ])
  })

  test('checks out a client by promise and by callback, with a way to release it', async () => {
    const pool = make()
    const client = await pool.connect()
    client.release()
    const sameClient = await new Promise<pg.PoolClient>((resolve, reject) =>
      pool.connect((error, given, done) => {
        if (error) return reject(error)
        // Many programs pass `done` the error this way, whether there is one or not.
        given!.query('SELECT 1', (failure) => {
          done(failure)
          resolve(given!)
        })
      }),
    )

    expect(pidOf(sameClient), 'the same connection again').toBe(pidOf(client))
    expect({ total: pool.totalCount, idle: pool.idleCount }).toEqual({ total: 1, idle: 1 })
  })

  test.each([true, new Error('mine')])('closes a client that is released with %s', async (how) => {
    const pool = make()
    const first = await pool.connect()
    const removed = once(pool, 'remove')
    first.release(how)

    await removed
    const second = await pool.connect()
    expect(pidOf(second)).not.toBe(pidOf(first))
    second.release()
  })

  test('checks out at most max connections, to the others in order of arrival, and counts', async () => {
    const pool = make({ max: 2 })
    const first = await Promise.all([pool.connect(), pool.connect()])
    const order: number[] = []
    const waiting = [0, 1, 2].map((i) => pool.connect().then((client) => (order.push(i), client.release())))

    expect({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }).toEqual({
      total: 2,
      idle: 0,
      waiting: 3,
    })
    first[0].release()
    await Promise.all(waiting)
    first[1].release()
    expect(order).toEqual([0, 1, 2])
    expect({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }).toEqual({
      total: 2,
      idle: 2,
      waiting: 0,
    })
  })

  test('checks out the connection that was used last, so that others can idle away', async () => {
    const pool = make({ max: 2 })
    const [a, b] = await Promise.all([pool.connect(), pool.connect()])
    a.release()
    b.release()
    const again = await pool.connect()

    expect(pidOf(again)).toBe(pidOf(b))
    again.release()
  })

  test('refuses a caller that waits for longer than connectionTimeoutMillis', async () => {
    const pool = make({ max: 1, connectionTimeoutMillis: 1000 })
    const client = await pool.connect()

    await rejection(pool.connect())

    expect(pool.waitingCount).toBe(0)
    client.release()
  })

  test('closes clients that idle for longer than idleTimeoutMillis, down to min', async () => {
    const pool = make({ max: 3, min: 1, idleTimeoutMillis: 50 })
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    const removed: unknown[] = []
    pool.on('remove', (client) => removed.push(client))
    for (const client of clients) client.release()

    await expect.poll(() => removed.length, { timeout: 5000 }).toBe(2)
    expect(pool.totalCount).toBe(1)
  })

  test('closes a client that has outlived maxLifetimeSeconds, when it comes back', async () => {
    const pool = make({ maxLifetimeSeconds: 1 })
    const client = await pool.connect()
    await expect.poll(() => pool.expiredCount, { timeout: 5000 }).toBe(1)

    expect((await client.query('SELECT 1 AS one')).rows, 'it is not cut off').toEqual([{ one: 1 }])
    client.release()

    await expect.poll(() => pool.totalCount, { timeout: 5000 }).toBe(0)
    expect(pool.expiredCount).toBe(0)
  })

  test('emits connect, acquire, release and remove, each with the client', async () => {
    const pool = make()
    const told: [string, ...unknown[]][] = []
    for (const event of ['connect', 'acquire', 'remove'] as const)
      pool.on(event, (client) => told.push([event, pidOf(client)]))
    pool.on('release', (error, client) => told.push(['release', Boolean(error), pidOf(client)]))

    const client = await pool.connect()
    const pid = pidOf(client)
    client.release()
    ;(await pool.connect()).release(true)
    await expect.poll(() => told.length, { timeout: 5000 }).toBe(6)

    expect(told).toEqual([
      ['connect', pid],
      ['acquire', pid],
      ['release', false, pid],
      ['acquire', pid],
      ['release', true, pid],
      ['remove', pid],
    ])
  })

  test('reports an idle backend that dies, with its client, and continues', async () => {
    const pool = make()
    const client = await pool.connect()
    client.release()
    const told = once(pool, 'error')

    await world.terminate(pidOf(client))

    const [error, dead] = (await told) as [Error, pg.PoolClient]
    expect(error).toMatchObject({ code: '57P01' })
    expect(pidOf(dead)).toBe(pidOf(client))
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('is an EventEmitter with once, off and listenerCount', async () => {
    const pool = make()
    const told: string[] = []
    const listener = (): void => void told.push('off')
    pool.once('acquire', () => told.push('once'))
    pool.prependListener('acquire', () => told.push('first'))
    pool.addListener('acquire', listener)
    expect(pool.listenerCount('acquire')).toBe(3)
    pool.off('acquire', listener)

    await pool.query('SELECT 1')
    await pool.query('SELECT 1')
    pool.removeAllListeners('acquire')
    await pool.query('SELECT 1')

    expect(told).toEqual(['first', 'once', 'first'])
    expect(pool.eventNames()).not.toContain('acquire')
  })

  test('has the options it was made with', () => {
    const pool = make({ max: 4, min: 1, idleTimeoutMillis: 500, maxLifetimeSeconds: 60 })

    expect(pool.options).toMatchObject({
      min: 1,
      idleTimeoutMillis: 500,
      maxLifetimeSeconds: 60,
      maxUses: Infinity,
    })
    expect(pool.options.max).toBeGreaterThanOrEqual(4)
  })

  test('refuses calls after its end, and says so', async () => {
    const pool = make()
    await pool.query('SELECT 1')
    const before = [pool.ending, pool.ended]
    await pool.end()

    expect([before, [pool.ending, pool.ended]]).toEqual([
      [false, false],
      [true, true],
    ])
    expect(await rejection(pool.query('SELECT 1'))).toBeInstanceOf(Error)
    expect(await new Promise((resolve) => pool.connect((error) => resolve(error)))).toBeInstanceOf(Error)
  })
})
