import Cursor from 'pg-cursor'
import { describe, expect, test } from 'vitest'
import { script } from '../support/command-line.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/** The intended differences from a pg.Pool. docs/guides/as-pg-pool.md has the reasons. */
const world = lockWorld()

describe('options', () => {
  test('max includes lock sessions, and one connection is reserved for them', async () => {
    const locks = world.pool({ max: 3, acquireTimeoutMs: 1000 })
    const borrowers = await Promise.all([locks.connections.connect(), locks.connections.connect()])

    await rejection(locks.connections.connect())
    await locks.withLock('key', { timeoutMs: 30_000 }, () => undefined)

    expect(locks.connections.totalCount).toBe(3)
    for (const client of borrowers) client.release()
  })

  test('min connections are open before the first checkout', async () => {
    const { connections } = world.pool({ min: 2 })

    await connections.ready()

    expect(connections.idleCount).toBe(2)
  })

  test('the time limit is on by default, includes waiting and connecting, and its error has a code', async () => {
    const { connections } = world.pool({ max: 2, acquireTimeoutMs: 1000 })
    const client = await connections.connect()

    expect(await rejection(connections.query('SELECT 1'))).toMatchObject({
      code: 'LOCK_TIMEOUT',
      phase: 'queueing',
    })

    client.release()
    expect(world.pool().connections.options.connectionTimeoutMillis).toBe(30_000)
  })

  test('an idle time of 0 closes on return', async () => {
    const { connections } = world.pool({ min: 0, idleTimeoutMs: 0 })

    await connections.query('SELECT 1')

    await expect.poll(() => connections.totalCount, { timeout: 5000 }).toBe(0)
  })

  test('settings from the connection options outlive those of a borrower', async () => {
    const connection = { connectionString: world.database.url, options: '-c work_mem=33MB' }
    const { connections } = world.pool({ connection, max: 2 })
    await connections.query(`SET work_mem = '77MB'`)

    expect((await connections.query('SHOW work_mem')).rows).toEqual([{ work_mem: '33MB' }])
    expect(connections.counts().opened).toBe(1)
  })

  test('its options show all of a connection string except the password', () => {
    const connection = 'postgres://me:secret@db.example:6000/thing?application_name=mine&options=-c%20a%3D1'
    const { options } = world.pool({ connection, min: 0 }).connections

    expect({ ...options }).toMatchObject({
      host: 'db.example',
      port: 6000,
      user: 'me',
      database: 'thing',
      application_name: 'mine',
      options: '-c a=1',
    })
    expect(JSON.stringify(options)).not.toContain('secret')
    expect(options.password).toBe('secret')
  })

  test('query_timeout is left out: it would close the connection', async () => {
    const connection = { connectionString: world.database.url, query_timeout: 20 }
    const { connections } = world.pool({ connection })

    expect((await connections.query(`SELECT 'done' AS it FROM pg_sleep(0.1)`)).rows).toEqual([{ it: 'done' }])
  })
})

describe('clients', () => {
  test('releasing a client that was closed, has ended or was disposed of does nothing', async () => {
    const { connections } = world.pool({ max: 2 })
    const broken = await connections.connect()
    broken.release(new Error('mine'))
    broken.release()

    const ended = await connections.connect()
    const heard = new Promise((resolve) => ended.on('error', resolve))
    ended.on('error', () => ended.release())
    ended.on('end', () => ended.release(true))
    await world.terminate(ended.processID)
    await heard
    ended.release()

    {
      await using disposed = await connections.connect()
      disposed.release()
    }
    expect(connections.counts()).toMatchObject({ leased: 0 })
    expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  test('each checkout is a separate object, and its listeners end with it', async () => {
    const { connections } = world.pool({ max: 2 })
    const heard: string[] = []
    const first = await connections.connect()
    first.on('notice', ({ message }) => heard.push(`first ${message}`))
    first.release()
    first.on('notice', ({ message }) => heard.push(`too late ${message}`))
    const second = await connections.connect()
    second.on('notice', ({ message }) => heard.push(`second ${message}`))

    await second.query(`DO $$ BEGIN RAISE NOTICE 'hello'; END $$`)

    expect(second).not.toBe(first)
    expect(heard).toEqual(['second hello'])
    second.release()
  })

  test('a statement that is sent by name alone, or a config without one, is known to leave nothing', async () => {
    const { connections } = world.pool({ max: 2 })
    const found: string[] = []
    connections.on('connection:cleaned', (event) => found.push(...event.found))
    await connections.query({ name: 'one', text: 'SELECT 1 AS one' })

    await connections.query({ name: 'one' } as never)
    await rejection(connections.query({} as never))
    await connections.query('SELECT 1')

    expect(found).toEqual([])
  })

  test('a query that the driver cannot send costs its connection, and no caller waits for it', async () => {
    const { connections } = world.pool({ max: 2 })
    const client = await connections.connect()
    const unreadable = {
      text: 'SELECT $1',
      get values(): never {
        throw new Error('values')
      },
    }

    expect(() => client.query(unreadable)).toThrow('values')
    client.release()

    expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await expect.poll(() => connections.counts(), { timeout: 5000 }).toMatchObject({ leased: 0, closing: 0 })
  })

  test('a parser that a borrower sets ends with the checkout', async () => {
    const { connections } = world.pool({ max: 2 })
    await connections.use(async (client) => {
      client.setTypeParser(23, (text: string) => `int ${text}`)
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 'int 1' }])
    })

    expect((await connections.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })

  test('a client that is ended is released to be closed', async () => {
    const { connections } = world.pool({ max: 2 })
    const client = await connections.connect()

    await client.end()
    client.release()

    const next = await connections.connect()
    expect(next.processID).not.toBe(client.processID)
    next.release()
  })

  test('a query after a cursor waits for it, and the cursor waits for earlier queries', async () => {
    const { connections } = world.pool({ max: 2 })
    const client = await connections.connect()
    const order: string[] = []
    const before = client.query('SELECT pg_sleep(0.05)').then(() => order.push('before'))
    const cursor = client.query(new Cursor<{ n: number }>('SELECT n FROM generate_series(1, 3) AS n'))
    const behind = client.query('SELECT 1').then(() => order.push('behind'))

    const rows = await cursor.read(10)
    order.push('cursor')
    await Promise.all([before, behind])

    expect(rows.map(({ n }) => n)).toEqual([1, 2, 3])
    expect(order).toEqual(['before', 'cursor', 'behind'])
    client.release()
    expect((await connections.connect()).pipeline, 'the next borrower has pipelining again').toBe(true)
  })

  test('a cursor that was not closed costs its connection, and is reported with the place of its checkout', async () => {
    const { connections } = world.pool({ max: 2 })
    const closed: unknown[] = []
    connections.on('connection:closed', (event) => closed.push(event))
    connections.on('connection:cleaned', () => undefined)
    const client = await connections.connect()
    await client.query(new Cursor('SELECT n FROM generate_series(1, 3) AS n')).read(1)

    client.release()
    const next = await connections.connect()

    expect(next.processID).not.toBe(client.processID)
    expect(closed).toMatchObject([
      { reason: 'could not be cleaned', where: expect.stringMatching(/differences/) },
    ])
    next.release()
  })

  test('pool.query refuses a cursor', async () => {
    const { connections } = world.pool()

    expect(await rejection(connections.query(new Cursor('SELECT 1')) as never)).toBeInstanceOf(TypeError)
    expect(await rejection(connections.query(null as never))).toBeInstanceOf(TypeError)
    expect(connections.totalCount).toBe(0)
  })
})

describe('errors and the end', () => {
  test("the error for an unreachable server has a code, and the driver's error as cause", async () => {
    const { connections } = world.pool({ connection: 'postgres://127.0.0.1:1/none' })

    expect(await rejection(connections.query('SELECT 1'))).toMatchObject({
      code: 'CONNECTION_FAILED',
      cause: { code: 'ECONNREFUSED' },
    })
  })

  test('a dead backend, borrowed or idle, does not end the process even without a listener', async () => {
    const it = script(
      `import { LockPool } from 'lockpool'
       const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test' })
       const { connections } = locks
       const [borrowed, idle] = await Promise.all([connections.connect(), connections.connect()])
       const lock = await locks.acquire('key')
       idle.release()
       const doomed = borrowed.query('SELECT pg_sleep(60)').catch((error) => error.code)
       await connections.query(
         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'lockpool test'",
       )
       const code = await doomed
       borrowed.release()
       const { rows } = await connections.query('SELECT 1 AS one')
       await locks.close({ graceMs: 0 })
       console.log(code, rows[0].one)`,
      { TEST_DATABASE: world.database.url },
    )

    expect(await it.ended, it.err).toBe(0)
    expect(it.out.toString()).toBe('57P01 1\n')
  })

  test('end serves waiters, and leaves locks and connections alone', async () => {
    const locks = world.pool({ max: 2 })
    const { connections } = locks
    const lock = await locks.acquire('key')
    const client = await connections.connect()
    const waiting = connections.query('SELECT 1 AS one')

    const ended = connections.end()
    expect(await rejection(connections.connect())).toMatchObject({ code: 'POOL_CLOSED' })
    expect(connections.ended).toBe(false)
    client.release()

    expect((await waiting).rows).toEqual([{ one: 1 }])
    await ended
    expect([connections.ended, lock.signal.aborted]).toEqual([true, false])
    expect(connections.totalCount, 'they are closed with the lock pool').toBeGreaterThan(0)
    await lock.release()
  })
})
