import pg from 'pg'
import postgres from 'postgres'
import { describe, expect, test } from 'vitest'
import type { ServeOrder } from '../../../src/cli/serve/serve-order.js'
import { PgBouncer, hasPgBouncer } from '../../support/pgbouncer.js'
import { ask, serveWorld, type TestFront } from '../../support/serve-world.js'
import * as wire from '../../support/wire-client.js'
import { WireClient } from '../../support/wire-client.js'

const world = serveWorld()

const PASS: Partial<ServeOrder> = { others: { kind: 'pass' } }

/** Each program repeats this: it locks, reads a number, writes the next number, and unlocks. */
const PROGRAMS = 6
const ROUNDS = 40

async function table(): Promise<void> {
  await world.database.query('DROP TABLE IF EXISTS t')
  await world.database.query('CREATE TABLE t (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n int)')
  await world.database.query('INSERT INTO t VALUES (1, 0)')
}

async function countTogether(front: TestFront): Promise<number> {
  await table()
  const clients = await Promise.all(Array.from({ length: PROGRAMS }, () => world.client(front)))
  const program = async (client: pg.Client): Promise<void> => {
    for (let i = 0; i < ROUNDS; i++) {
      await client.query('SELECT pg_advisory_lock(1)')
      const { rows } = await client.query<{ n: number }>('SELECT n FROM t')
      await client.query('UPDATE t SET n = $1', [rows[0]!.n + 1])
      await client.query('SELECT pg_advisory_unlock(1)')
    }
  }
  await Promise.all(clients.map(program))
  const { rows } = await world.database.query<{ n: number }>('SELECT n FROM t')
  return rows[0]!.n
}

describe('other statements', () => {
  test('run in the transaction of the client, which begins lazily', async () => {
    const front = await world.front({ ...PASS, max: 2 })
    const client = await world.client(front)
    await table()
    await ask(client, 'BEGIN ISOLATION LEVEL SERIALIZABLE')
    expect(await ask(client, 'SELECT pg_advisory_xact_lock(1)')).toEqual([['']])
    expect(await ask(client, 'SHOW transaction_isolation')).toEqual([['serializable']])
    await ask(client, 'SAVEPOINT a')
    await ask(client, 'UPDATE t SET n = 1')
    await ask(client, 'ROLLBACK TO a')
    await ask(client, 'UPDATE t SET n = n + 10')
    expect(await ask(client, "SELECT current_setting('transaction_isolation')")).toEqual([['serializable']])
    expect(await world.isFree(1)).toBe(false)
    await ask(client, 'COMMIT')
    expect([await ask(client, 'SELECT n FROM t'), await world.isFree(1)]).toEqual([[[10]], true])
  })

  test('in a transaction on the only connection may be followed by a lock whose key is computed', async () => {
    const client = await world.client(await world.front({ ...PASS, max: 1 }))
    await table()
    await ask(client, 'BEGIN')
    await ask(client, 'UPDATE t SET n = 1')
    expect(await ask(client, 'SELECT pg_advisory_xact_lock(hashtext($1))', ['x'])).toEqual([['']])
    // This key must be computed in the client's transaction, which has changed `n`.
    expect(await ask(client, 'SELECT pg_advisory_xact_lock((SELECT n FROM t))')).toEqual([['']])
    expect(await world.isFree(1)).toBe(false)
    await ask(client, 'COMMIT')
    expect(await world.isFree(1)).toBe(true)
  })

  test('that fail, fail the transaction, and free its locks', async () => {
    const client = await world.client(await world.front(PASS))
    await table()
    await ask(client, 'BEGIN')
    await ask(client, 'SELECT pg_advisory_xact_lock(1)')
    expect(await ask(client, 'SELECT * FROM none')).toMatch(/^42P01 /)
    expect(await world.isFree(1)).toBe(true)
    expect(await ask(client, 'SELECT pg_advisory_xact_lock(1)')).toMatch(/^25P02 /)
    await ask(client, 'ROLLBACK')
    expect(await ask(client, 'SELECT n FROM t')).toEqual([[0]])
  })

  test('at whose COMMIT something fails end the transaction, and free its locks', async () => {
    const client = await world.client(await world.front(PASS))
    await table()
    await ask(client, 'BEGIN')
    await ask(client, 'SELECT pg_advisory_xact_lock(1)')
    await ask(client, 'INSERT INTO t VALUES (1, 1)')
    expect(await ask(client, 'COMMIT')).toMatch(/^23505 /)
    expect(await world.isFree(1)).toBe(true)
    expect(await ask(client, 'SELECT n FROM t')).toEqual([[0]])
  })

  test('of a failed transaction are undone, also where only a lock has failed', async () => {
    const front = await world.front(PASS)
    const client = await world.client(front)
    await table()
    await world.database.query('SELECT pg_advisory_lock(1)')
    await ask(client, "BEGIN; UPDATE t SET n = 5; SET LOCAL lock_timeout = '20ms'")
    expect(await ask(client, 'SELECT pg_advisory_xact_lock(1)')).toMatch(/^55P03 /)
    const { command } = await client.query('COMMIT')
    await world.database.query('SELECT pg_advisory_unlock(1)')
    expect([command, await ask(client, 'SELECT n FROM t')]).toEqual(['ROLLBACK', [[0]]])
  })

  test('of one query string are one transaction', async () => {
    const client = await world.client(await world.front(PASS))
    await table()
    const broken = 'SELECT pg_try_advisory_lock(1); UPDATE t SET n = 7; SELECT * FROM none'
    expect(await ask(client, broken)).toMatch(/^42P01 /)
    expect(await ask(client, 'SELECT n FROM t')).toEqual([[0]])
    await ask(client, 'SELECT pg_try_advisory_lock(1); UPDATE t SET n = 7')
    expect(await ask(client, 'SELECT n FROM t')).toEqual([[7]])
  })

  test('see the settings of the client, and none of others', async () => {
    const front = await world.front({ ...PASS, max: 1 })
    const [one, other] = [await world.client(front), await world.client(front)]
    await ask(one, "SET work_mem = '3MB'")
    await ask(one, 'CREATE TEMPORARY TABLE mine AS SELECT 1')
    const show = "SELECT current_setting('work_mem'), to_regclass('mine') IS NULL"
    expect(await ask(one, show)).toEqual([['3MB', false]])
    expect(await ask(other, show)).toEqual([['4MB', true]])
    expect(await ask(one, show)).toEqual([['3MB', true]])
  })

  test('are canceled, and end with their client', async () => {
    const front = await world.front({ ...PASS, max: 1 })
    const [one, other] = [await world.client(front), await world.client(front)]
    await table()
    await ask(one, 'BEGIN')
    await ask(one, 'UPDATE t SET n = 5')
    const waiting = ask(other, 'SELECT n FROM t')
    await one.end()
    expect(await waiting).toEqual([[0]])
    const sleeping = ask(other, 'SELECT pg_sleep(60)')
    const [session] = front.front.sessions
    const running = async (): Promise<number> =>
      (await world.database.query(`SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'`)).rows
        .length
    await expect.poll(running).toBe(1)
    session!.cancel()
    expect(await sleeping).toMatch(/^57014 /)
  })

  test('of one who holds a lock that the owner of the last connection waits for are a deadlock', async () => {
    const front = await world.front({ ...PASS, max: 1 })
    const [holder, owner] = [await world.client(front), await world.client(front)]
    await table()
    await ask(holder, 'SELECT pg_advisory_lock(1)')
    await ask(owner, 'BEGIN')
    await ask(owner, 'UPDATE t SET n = 1')
    const waiting = ask(owner, 'SELECT pg_advisory_lock(1)')
    expect(await ask(holder, 'SELECT n FROM t')).toBe('40P01 deadlock detected')
    await ask(holder, 'SELECT pg_advisory_unlock(1)')
    expect(await waiting).toEqual([['']])
    await ask(owner, 'COMMIT')
    expect(await ask(holder, 'SELECT n FROM t')).toEqual([[1]])
  })

  test('pass through the extended protocol unchanged', async () => {
    const client = await WireClient.connect(await world.front(PASS))
    await client.logIn(new URL(world.database.url).pathname.slice(1))
    await table()
    client.send(wire.parse('s', 'SELECT n + $1 FROM t'), wire.describeStatement('s'), wire.FLUSH)
    expect(await client.until('T')).toBe('1 t T')
    client.take()
    client.send(
      wire.bind('p', 's', [Buffer.from('2')]),
      wire.describePortal('p'),
      wire.execute('p'),
      wire.SYNC,
    )
    expect(await client.until('Z')).toBe('2 T D C Z')
    client.take()
    const rows = [wire.parse('', 'SELECT generate_series(1, 3)'), wire.bind('', ''), wire.execute('', 2)]
    client.send(...rows, wire.execute('', 2), wire.SYNC)
    expect(await client.until('Z')).toBe('1 2 D D s D C Z')
    client.take()
    const write = (n: number): Buffer[] => [
      wire.parse('', `UPDATE t SET n = ${n}`),
      wire.bind('', ''),
      wire.execute(''),
    ]
    client.send(
      ...write(1),
      wire.parse('', 'SELECT pg_advisory_xact_lock(4)'),
      wire.bind('', ''),
      wire.execute(''),
    )
    client.send(wire.parse('', 'SELECT * FROM none'), wire.bind('', ''), wire.SYNC, ...write(2), wire.SYNC)
    expect(await client.until('Z', 2)).toBe('1 2 C 1 2 D C 1 E Z 1 2 C Z')
    const { rows: found } = await world.database.query<{ n: number }>('SELECT n FROM t')
    expect([found[0]!.n, await world.isFree(4)]).toEqual([2, true])
    client.socket.destroy()
  })

  test('that may use an advisory function in an unknown way are refused, or pin a connection', async () => {
    const unknown = 'SELECT count(pg_try_advisory_lock(id)) FROM t'
    const refusing = await world.client(await world.front(PASS))
    await table()
    expect(await ask(refusing, unknown)).toMatch(/^0A000 /)
    const pinning = await world.client(await world.front({ ...PASS, mayPin: true }))
    expect(await ask(pinning, unknown)).toEqual([['1']])
    expect(await world.isFree(1)).toBe(false)
    await pinning.end()
    await expect.poll(() => world.isFree(1)).toBe(true)
  })

  test('of another database are refused', async () => {
    const front = await world.front(PASS)
    await expect(world.client(front, { database: 'other' })).rejects.toMatchObject({ code: '3D000' })
  })

  test('let postgres.js read its types, lock, and commit', async () => {
    const front = await world.front(PASS)
    await table()
    const database = new URL(world.database.url).pathname.slice(1)
    const sql = postgres({ host: '127.0.0.1', port: front.port, user: 'me', database, max: 2 })
    try {
      await sql.begin(async (tx) => {
        await tx`SELECT pg_advisory_xact_lock(${5}::bigint)`
        await tx`UPDATE t SET n = ${9}`
      })
      expect([...(await sql`SELECT n, ARRAY[1, 2] AS list FROM t`)]).toEqual([{ n: 9, list: [1, 2] }])
    } finally {
      await sql.end()
    }
  })
})

describe('a front whose own address is a pooler', () => {
  test.skipIf(!hasPgBouncer)('does not start, and says what to name instead', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'transaction' })
    const starting = world.front({}, bouncer.url)
    await expect(starting).rejects.toThrow(/locks do not hold behind it.*pool_mode = session\)\. .*--others/)
    await expect(starting).rejects.not.toThrow(/backend/)
  })
})

describe('six programs that count together', () => {
  test('count to 240 through connections of the front', async () => {
    expect(await countTogether(await world.front({ ...PASS, max: 2 }))).toBe(PROGRAMS * ROUNDS)
  })

  test.skipIf(!hasPgBouncer)(
    'count to 240 through PgBouncer in transaction mode behind the front',
    async () => {
      await using bouncer = await PgBouncer.to(world.database.url, {
        pool_mode: 'transaction',
        default_pool_size: 3,
      })
      const front = await world.front({ others: { kind: 'url', url: bouncer.url } })
      expect(await countTogether(front)).toBe(PROGRAMS * ROUNDS)
      await front.front.drain(Promise.resolve())
    },
  )
})
