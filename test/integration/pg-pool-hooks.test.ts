import { setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { pidOf, poolsOf } from '../support/pg-pools.js'

/** The class, options, hooks and misuse errors of pg.Pool. The tests run on both pools. */
const world = lockWorld()

describe.each(poolsOf(world))('%s', (_, make) => {
  test('is an instance of pg.Pool', () => {
    expect(make()).toBeInstanceOf(pg.Pool)
  })

  test('has options for the same server, and hides the password', async () => {
    const pool = make()
    const { password } = new URL(world.database.url)
    const { rows: before } = await pool.query('SELECT current_database() AS name, inet_server_port() AS port')
    // Programs do this to open another connection, for example to cancel a statement.
    const own = new pg.Client({ ...pool.options, password: pool.options.password })
    const same = new pg.Client(pool.options)
    try {
      for (const client of [own, same]) {
        await client.connect()
        const { rows } = await client.query('SELECT current_database() AS name, inet_server_port() AS port')
        expect(rows).toEqual(before)
      }
    } finally {
      await own.end()
      await same.end()
    }
    expect(Object.keys(pool.options)).not.toContain('password')
    if (password !== '') expect(pool.options.password ?? pool.options.connectionString).toContain(password)
  })

  test('closes a client after maxUses checkouts, and serves the next waiter with another', async () => {
    const pool = make({ max: 1, maxUses: 2 })
    const pids: number[] = []
    for (let i = 0; i < 5; i++) {
      const client = await pool.connect()
      pids.push(pidOf(client))
      client.release()
    }

    expect(pids[1]).toBe(pids[0])
    expect(pids[2]).not.toBe(pids[0])
    expect(new Set(pids).size).toBe(3)
  })

  test('calls onConnect for each new connection, and awaits it before the first checkout', async () => {
    let calls = 0
    const pool = make({
      onConnect: async (client) => {
        calls++
        await client.query(`SELECT set_config('lockpool_test.greeted', 'yes', false)`)
      },
    })
    const clients = await Promise.all([pool.connect(), pool.connect()])

    for (const client of clients) {
      const { rows } = await client.query(`SELECT current_setting('lockpool_test.greeted', true) AS greeted`)
      expect(rows).toEqual([{ greeted: 'yes' }])
    }
    expect(calls).toBe(2)
    for (const client of clients) client.release()
    expect(
      (await pool.query(`SELECT current_setting('lockpool_test.greeted', true) AS greeted`)).rows,
    ).toEqual([{ greeted: 'yes' }])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('not this one')
      },
    ],
    ['rejects', () => Promise.reject(new Error('not this one'))],
    ['asks in vain', (client: pg.PoolClient) => client.query('SELECT not_this_one')],
  ])('refuses a connection whose onConnect %s, with its error', async (_, onConnect) => {
    const pool = make({ onConnect })

    expect(await rejection(pool.connect())).toMatchObject({ message: expect.stringMatching(/not.this.one/) })
    expect(await new Promise((resolve) => pool.query('SELECT 1', (error) => resolve(error)))).toBeInstanceOf(
      Error,
    )

    await expect.poll(() => pool.totalCount, { timeout: 5000 }).toBe(0)
  })

  test('checks out a connection when verify calls back, and refuses it with the error of the callback', async () => {
    let calls = 0
    const good = make({
      verify: (client, done) => {
        calls++
        client.query('SELECT 1', (error) => done(error))
      },
    })
    const bad = make({ verify: (_, done) => done(new Error('nope')) })

    expect((await good.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect((await good.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(calls).toBe(1)
    expect(await rejection(bad.connect())).toMatchObject({ message: 'nope' })
  })

  test('calls log with what it does', async () => {
    const told: unknown[] = []
    const pool = make({ log: (message) => told.push(message) })
    await pool.query('SELECT 1')

    expect(told.length).toBeGreaterThan(0)
    expect(told.every((message) => typeof message === 'string')).toBe(true)
  })

  test('throws at a second release of a client that another borrower has by now', async () => {
    const pool = make({ max: 1 })
    const client = await pool.connect()
    client.release()
    const message = 'Release called on client which has already been released to the pool.'

    expect(() => client.release()).toThrow(message)
    expect(() => client.release(true)).toThrow(message)
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    const thrown = await new Promise((resolve) =>
      pool.connect((_, __, done) => {
        done()
        try {
          done()
        } catch (error) {
          resolve(error)
        }
      }),
    )
    expect(thrown).toMatchObject({ message })
  })

  test('refuses a second end, by promise and by callback', async () => {
    const pool = make()
    await pool.end()

    expect(await rejection(pool.end())).toMatchObject({ message: 'Called end on pool more than once' })
    expect(await new Promise((resolve) => pool.end((error?: Error) => resolve(error)))).toBeInstanceOf(Error)
  })

  test('ends after all answers: promises, callbacks, errors', async () => {
    // `max` is larger than the number of callers, because a pg.Pool drops waiting callers when it ends.
    const pool = make({ max: 30 })
    const told: string[] = []
    for (let i = 0; i < 20; i++) void pool.query('SELECT 1').then(() => told.push('answer'))
    pool.query('SELECT 1', () => told.push('callback'))
    void pool.query('SELECT not_there').catch(() => told.push('error'))
    const borrow = async (): Promise<void> => {
      const client = await pool.connect()
      try {
        await client.query('SELECT 1')
      } finally {
        client.release()
      }
    }
    void borrow().then(() => told.push('borrower'))

    await pool.end()
    told.push('end')

    await setImmediate()
    expect(told.at(-1)).toBe('end')
    expect(told).toHaveLength(24)
  })

  test('passes undefined to callbacks if there is no error', async () => {
    const pool = make()
    const errors = [
      await new Promise((resolve) => pool.query('SELECT 1', (error) => resolve(error))),
      await new Promise((resolve) => pool.query('SELECT $1::int', [1], (error) => resolve(error))),
      await new Promise((resolve) =>
        pool.connect((error, client) => {
          client!.release()
          resolve(error)
        }),
      ),
      await new Promise((resolve) => pool.end((error?: Error) => resolve(error))),
    ]

    expect(errors).toEqual([undefined, undefined, undefined, undefined])
  })

  test('calls back with an error if the query is a function', async () => {
    const pool = make()

    expect(await new Promise((resolve) => pool.query(resolve as never))).toBeInstanceOf(Error)
  })
})
