/** Situations that could cause a double grant, a lost lock or a stuck lock, step by step on real rows. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemRandom } from '../../src/base/random.js'
import type { LockLink } from '../../src/dialect/dialect.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import type { PostgresConnection } from '../../src/dialect/postgres/connection/connection.js'
import { PostgresFactory } from '../../src/dialect/postgres/pool/factory.js'
import { encodeAsk } from '../../src/dialect/postgres/table/batch.js'
import { CALL_BATCH } from '../../src/dialect/postgres/table/batch-sql.js'
import { TableDialect } from '../../src/dialect/postgres/table/table-dialect.js'
import { encodeTableKey } from '../../src/dialect/postgres/table/key.js'
import { CODE } from '../../src/dialect/rows/operations.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import type { OperationKind } from '../../src/dialect/lock-operation.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { rejection } from '../support/fake-world.js'

let database: TestDatabase
let factory: PostgresFactory
const links: LockLink[] = []
const clients: pg.Client[] = []
const connections = new Set<PostgresConnection>()
const ended: Error[] = []

beforeAll(async () => {
  database = await createDatabase()
  factory = new PostgresFactory(clientConfig(readConnection(database.url).settings, 'lockpool test'))
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()))
  await Promise.all(links.splice(0).map(async (link) => link.abandon?.()))
  await Promise.all([...connections].map((connection) => factory.close(connection)))
  connections.clear()
  ended.splice(0)
})

afterAll(() => database.drop())

const KEY = encodeTableKey('orders', '')

/**
 * A member whose statements each get a separate connection, as from a pool. `inUse` has the connections of running
 * statements.
 */
async function member(leaseMs = 60_000): Promise<{ link: LockLink; inUse: Set<PostgresConnection> }> {
  const inUse = new Set<PostgresConnection>()
  const dialect = new TableDialect({ by: 'a test', namespace: '', random: systemRandom, listenConfig: null })
  const link = await dialect.join(
    async (use) => {
      const connection = await factory.open(new AbortController().signal)
      connections.add(connection)
      inUse.add(connection)
      try {
        return await use(connection)
      } finally {
        inUse.delete(connection)
        connections.delete(connection)
        factory.destroy(connection)
      }
    },
    { leaseMs, fencing: 'auto', strict: false, sender: 's', seen: new SeenTokens() },
    (cause) => ended.push(cause),
    new AbortController().signal,
  )
  links.push(link)
  return { link, inUse }
}

async function transaction(): Promise<pg.Client> {
  const client = new pg.Client(database.url)
  clients.push(client)
  await client.connect()
  await client.query('BEGIN')
  return client
}

const ask = (link: LockLink, kind: OperationKind, mode: LockMode = 'exclusive'): Promise<string> =>
  link.run([{ kind, mode, key: KEY }]).then(({ answers }) => answers)

async function row(): Promise<{ owner: string | null; token: string }> {
  const { rows } = await database.query<{ owner: string | null; token: string }>(
    'SELECT owner, token FROM lockpool.lease WHERE key = $1',
    [KEY.bits],
  )
  return rows[0]!
}

/** Resolves when at least `count` statements of the test wait for a lock. */
async function isBlocked(count = 1): Promise<void> {
  const look = async (): Promise<number> => {
    const { rows } = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'lockpool test' AND wait_event_type = 'Lock'`,
    )
    return rows[0]!.n
  }
  await expect.poll(look, { timeout: 5000 }).toBeGreaterThanOrEqual(count)
}

/** Sends a batch in the name of a member, like a statement that arrives too late. */
async function late(link: LockLink, epoch: number, code: number, token: bigint): Promise<string | null> {
  const { codes, keys, tokens } = encodeAsk([
    { operation: { kind: 'try', mode: 'exclusive', key: KEY }, code, token },
  ])
  const me = String(link.serverId)
  const { rows } = await database.query<{ floor: string | null }>(CALL_BATCH, [
    codes,
    keys,
    tokens,
    me,
    `-${me}`,
    epoch,
    [],
  ])
  return rows[0]!.floor
}

const kill = (link: LockLink): Promise<unknown> =>
  database.query('UPDATE lockpool.member SET dead = true WHERE id = $1', [link.serverId])

test('a statement that began earlier does not take a lock that passed to a new member', async () => {
  const [{ link: a }, { link: b }] = [await member(), await member()]
  expect(await ask(a, 'try')).toBe('g')
  await kill(a)
  await b.heartbeat()
  // A new member takes the lock. Earlier snapshots do not contain that member.
  const other = await transaction()
  await other.query(
    `INSERT INTO lockpool.member (id, floor, lease_ms, namespace, name) VALUES (5, 0, 60000, '', 'new')`,
  )
  await other.query('UPDATE lockpool.lease SET owner = 5, token = token + 1024 WHERE key = $1', [KEY.bits])
  const stealing = ask(b, 'try')
  await isBlocked()
  await other.query('COMMIT')

  expect(await stealing).toBe('n')
  expect(await row()).toMatchObject({ owner: '5' })
  await database.query('UPDATE lockpool.lease SET owner = NULL; DELETE FROM lockpool.member WHERE id = 5')
})

test('a member without a row keeps its locks', async () => {
  const { link: b } = await member()
  await database.query(
    `INSERT INTO lockpool.lease (key, owner, token) VALUES ($1, 6, 1024)
    ON CONFLICT (generation, key) DO UPDATE SET owner = 6`,
    [KEY.bits],
  )
  await b.heartbeat()

  expect(await ask(b, 'try')).toBe('n')
  await database.query('UPDATE lockpool.lease SET owner = NULL')
})

test('a release that comes late does not free the next hold of the same process', async () => {
  const { link: a } = await member()
  await ask(a, 'try')
  const { token } = await row()
  await ask(a, 'release')
  await ask(a, 'try')

  expect(await late(a, 0, CODE.releaseExclusive, BigInt(token))).not.toBeNull()

  expect(await row()).toMatchObject({ owner: String(a.serverId) })
})

test('the outcome of a lost answer is found, whether the statement finished or not', async () => {
  for (const end of ['COMMIT', 'ROLLBACK']) {
    const { link: a, inUse } = await member()
    await ask(a, 'try')
    await ask(a, 'release')
    const other = await transaction()
    await other.query('SELECT FROM lockpool.lease WHERE key = $1 FOR UPDATE', [KEY.bits])
    const taking = ask(a, 'try')
    await isBlocked()
    for (const connection of inUse) factory.destroy(connection)
    // Raising the epoch waits for the statement that has passed the gate.
    await isBlocked()
    await other.query(end)

    expect(await taking).toBe('g')
    expect(await row()).toMatchObject({ owner: String(a.serverId) })
    expect(await ask(a, 'release')).toBe('d')
  }
})

test('a release whose answer is lost is reported with its real outcome', async () => {
  const { link: a, inUse } = await member()
  await ask(a, 'try')
  const other = await transaction()
  await other.query('SELECT FROM lockpool.lease WHERE key = $1 FOR UPDATE', [KEY.bits])
  const releasing = ask(a, 'release')
  await isBlocked()
  for (const connection of inUse) factory.destroy(connection)
  await isBlocked()
  await other.query('COMMIT')

  expect(await releasing).toBe('d')
  expect(await row()).toMatchObject({ owner: null })
})

test('an acquire of an older epoch does nothing', async () => {
  const { link: a } = await member()
  await ask(a, 'try')
  await ask(a, 'release')
  await a.reconcile([])

  expect(await late(a, 0, CODE.tryExclusive, 0n)).toBeNull()

  expect(await row()).toMatchObject({ owner: null })
  expect(await ask(a, 'try')).toBe('g')
})

test('the cleanup of a member waits for its running statement, so that nothing is left', async () => {
  const [{ link: a }, { link: b }] = [await member(), await member()]
  await ask(a, 'try')
  await ask(a, 'release')
  const other = await transaction()
  await other.query('SELECT FROM lockpool.lease WHERE key = $1 FOR UPDATE', [KEY.bits])
  const taking = ask(a, 'try').catch(() => 'failed')
  await isBlocked()
  const parting = a.abandon!()
  await isBlocked(2)
  await other.query('COMMIT')
  await parting

  await taking
  expect(await row()).toMatchObject({ owner: null })
  const { rows } = await database.query('SELECT FROM lockpool.member WHERE id = $1', [a.serverId])
  expect(rows).toEqual([])
  expect(await ask(b, 'try')).toBe('g')
})

test('an expired member learns of its expiry from its next statement', async () => {
  for (const word of ['try', 'heartbeat'] as const) {
    const { link: a } = await member()
    await ask(a, 'try')
    await kill(a)

    const failed = await rejection(word === 'try' ? ask(a, 'try') : a.heartbeat())

    expect(failed).toMatchObject({ message: expect.stringMatching(/marked dead/) })
    expect(ended.splice(0)).toHaveLength(1)
    await a.abandon!()
  }
})

test('another member removes one that has stood still for a lease, and not before', async () => {
  const [{ link: a }, { link: b }] = [await member(3000), await member(60_000)]
  await ask(a, 'try')
  await b.heartbeat()
  expect(await ask(b, 'try')).toBe('n')
  await a.heartbeat()
  await b.heartbeat()
  const since = performance.now()

  await expect
    .poll(
      async () => {
        await b.heartbeat()
        return ask(b, 'try')
      },
      { timeout: 10_000, interval: 50 },
    )
    .toBe('g')
  expect(performance.now() - since).toBeGreaterThan(2990)
})

test('a lock that is kept for a reader who does not come is passed on, once', async () => {
  const [{ link: a }, { link: b }] = [await member(), await member()]
  await ask(a, 'try')
  expect(await ask(b, 'wait', 'shared')).toBe('w')
  await ask(a, 'release')
  const { token } = await row()

  expect(await ask(a, 'try'), 'it is kept for b').toBe('n')
  await late(a, 0, CODE.passExclusive, BigInt(token) - 1024n)
  expect(await row(), 'it was given up again since').toMatchObject({ owner: null })
  await late(a, 0, CODE.passExclusive, BigInt(token))
  expect(await row()).toMatchObject({ owner: String(a.serverId) })
})

test('a release gives the lock to the first waiter, with a token of its own, and no other process can be faster', async () => {
  const [{ link: a }, { link: b }, { link: c }] = [await member(), await member(), await member()]
  await ask(a, 'try')
  expect(await ask(b, 'wait')).toBe('w')
  expect(await ask(c, 'wait')).toBe('w')
  const { token } = await row()

  expect(await ask(a, 'release')).toBe('r')

  expect(await row()).toEqual({ owner: String(b.serverId), token: String(BigInt(token) + 1024n) })
  expect(await ask(a, 'try')).toBe('n')
  expect(await ask(b, 'retry')).toBe('g')
  expect(await ask(b, 'release')).toBe('r')
  expect(await row()).toMatchObject({ owner: String(c.serverId) })
  expect(await ask(c, 'poll')).toBe('g')
  expect(await ask(c, 'release')).toBe('d')
})

test('a waiter that leaves passes its lock on to the next, however it leaves', async () => {
  for (const way of ['leave', 'reconcile', 'abandon', 'detach'] as const) {
    const [{ link: a }, { link: b }, { link: c }] = [await member(), await member(), await member()]
    await ask(a, 'try')
    await ask(b, 'wait')
    await ask(c, 'wait')
    await ask(a, 'release')
    expect(await row(), way).toMatchObject({ owner: String(b.serverId) })

    if (way === 'leave') await ask(b, 'leave')
    else if (way === 'reconcile') await b.reconcile([])
    else if (way === 'abandon') await b.abandon!()
    else await b.detach()

    expect(await row(), way).toMatchObject({ owner: String(c.serverId) })
    expect(await ask(c, 'retry'), way).toBe('g')
    await ask(c, 'release')
  }
})

test('a member that leaves while a row names it as waiter does not keep the lock that is passed to it', async () => {
  const [{ link: a }, { link: b }] = [await member(), await member()]
  await ask(a, 'try')
  await database.query('UPDATE lockpool.lease SET waiters = ARRAY[$1::bigint] WHERE key = $2', [
    b.serverId,
    KEY.bits,
  ])

  await b.detach()

  expect(await ask(a, 'release')).toBe('d')
  expect(await row()).toMatchObject({ owner: null })
  const { rows } = await database.query('SELECT FROM lockpool.member WHERE id = $1', [b.serverId])
  expect(rows).toEqual([])
})

test('a waiter that is known to be dead is not given a lock, and one that died with it loses it', async () => {
  const [{ link: a }, { link: b }, { link: c }] = [await member(), await member(), await member()]
  await ask(a, 'try')
  await ask(b, 'wait')
  await kill(b)
  await a.heartbeat()
  await ask(a, 'release')
  expect(await row(), 'known').toMatchObject({ owner: null })
  await database.query('UPDATE lockpool.lease SET waiters = NULL')

  await ask(a, 'try')
  await ask(c, 'wait')
  await ask(a, 'release')
  expect(await row(), 'alive').toMatchObject({ owner: String(c.serverId) })
  await kill(c)
  await a.heartbeat()
  expect(await ask(a, 'try'), 'buried since').toBe('g')
  await ask(a, 'release')
})

test('no lock passes to a waiter that is known to be dead', async () => {
  const [{ link: a }, { link: b }, { link: c }] = [await member(), await member(), await member()]
  await ask(a, 'try')
  await ask(b, 'wait')
  await ask(c, 'wait')
  await kill(b)
  await a.heartbeat()
  await a.abandon!()

  expect(await row()).toMatchObject({ owner: String(c.serverId) })
  expect(await ask(c, 'retry')).toBe('g')
  await ask(c, 'release')
})

test('a member that was given the lock does not stand behind itself, and gets it if it does', async () => {
  const [{ link: a }, { link: b }, { link: c }] = [await member(), await member(), await member()]
  await ask(a, 'try')
  await ask(b, 'queue')
  await ask(a, 'release')
  expect(await row()).toMatchObject({ owner: String(b.serverId) })
  // The member repeats its request, as after a lost answer.
  await late(b, 0, CODE.queue, 0n)
  await ask(c, 'wait')
  const waiters = async (): Promise<unknown> =>
    (await database.query('SELECT waiters FROM lockpool.lease WHERE key = $1', [KEY.bits])).rows
  expect(await waiters()).toEqual([{ waiters: [String(c.serverId)] }])

  const behind = '{' + [c.serverId, b.serverId].join(',') + '}'
  await database.query('UPDATE lockpool.lease SET waiters = $2 WHERE key = $1', [KEY.bits, behind])
  expect(await ask(b, 'wait')).toBe('g')
  expect(await waiters()).toEqual([{ waiters: [String(c.serverId)] }])
  await ask(b, 'release')
  await ask(c, 'leave')
})

test('a release that gave the lock to a waiter, and whose answer is lost, is not sent again', async () => {
  const [{ link: a, inUse }, { link: b }] = [await member(), await member()]
  await ask(a, 'try')
  await ask(b, 'wait')
  const { token } = await row()
  const other = await transaction()
  await other.query('SELECT FROM lockpool.lease WHERE key = $1 FOR UPDATE', [KEY.bits])
  const releasing = ask(a, 'release')
  await isBlocked()
  for (const connection of inUse) factory.destroy(connection)
  await isBlocked()
  await other.query('COMMIT')

  expect(await releasing).toMatch(/[dr]/)
  expect(await row()).toEqual({ owner: String(b.serverId), token: String(BigInt(token) + 1024n) })
  expect(await ask(b, 'retry')).toBe('g')
  await ask(b, 'release')
})
