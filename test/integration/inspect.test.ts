import { hostname } from 'node:os'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { CREATE_KEY_NAMES, CREATE_SCHEMA } from '../../src/dialect/postgres/schema/schema-sql.js'
import { readServerState } from '../../src/dialect/postgres/inspect/read-server-state.js'
import { SWEEP_KEY_NAMES } from '../../src/dialect/postgres/records/key-names-sql.js'
import type { ServerLock } from '../../src/inspect/server-lock.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()
const clients: pg.Client[] = []

afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())))

/** Connects as a program that does not use lockpool. */
async function stranger(name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.database.url, application_name: name })
  await client.connect()
  clients.push(client)
  return client
}

/** Waits until the server shows the expected locks. */
async function sees(locks: LockPool, expected: object[]): Promise<ServerLock[]> {
  let found: ServerLock[] = []
  const look = async (): Promise<ServerLock[]> => (found = await locks.inspect())
  await expect.poll(look, { timeout: 10_000 }).toMatchObject(expected)
  return found
}

const by = (application: string): object => ({ session: { application } })

test('locks have their names in the process that took them, with waiters of other processes and without marks', async () => {
  const [one, two] = [world.pool({ applicationName: 'one' }), world.pool({ applicationName: 'two' })]
  await one.acquire('orders')
  const waiting = two.acquire('orders', { timeoutMs: 60_000 })
  waiting.catch(() => undefined)

  const [lock] = await sees(one, [
    {
      kind: 'advisory',
      title: 'orders',
      name: { name: 'orders', namespace: '' },
      holders: [{ mode: 'exclusive', session: { application: 'one', isLockSession: true } }],
      waiters: [{ session: { application: 'two' }, mode: 'exclusive', isOutside: true }],
    },
  ])
  expect(lock!.waiters[0]!.blockedBy).toEqual([lock!.holders[0]!.session.pid])
  await Promise.all([one.close({ graceMs: 0 }), two.close({ graceMs: 0 })])
})

test('a process reports of its own locks since when and why it holds them, and how long it has waited for others', async () => {
  const [one, two] = [world.pool({ applicationName: 'one' }), world.pool({ applicationName: 'two' })]
  const since = performance.now()
  const lock = await one.acquire('orders', { label: 'closing the month' })
  await one.semaphore('seats', 3).acquire({ label: 'a seat' })
  const waiting = two.acquire('orders', { timeoutMs: 60_000, label: 'in vain' })
  waiting.catch(() => undefined)
  const process = { host: hostname(), id: globalThis.process.pid }
  const known = { label: 'closing the month', session: { process, sessionMs: expect.any(Number) as number } }
  const seenBy = async (locks: LockPool, title: string): Promise<ServerLock | undefined> =>
    (await locks.inspect()).find((each) => each.title === title)
  await expect
    .poll(() => seenBy(one, 'orders'), { timeout: 10_000 })
    .toMatchObject({ holders: [known], waiters: [{ waitedMs: null }] })
  expect(await seenBy(one, 'seats')).toMatchObject({ holders: [{ label: 'a seat' }] })
  const found = await seenBy(one, 'orders')
  const { atLeastMs, atMostMs } = found!.holders[0]!
  expect(atLeastMs).toBe(atMostMs)
  expect(atLeastMs).toBeLessThanOrEqual(performance.now() - since)

  // The other process knows for how long it has waited. It does not know since when the holder has the lock.
  const seen = await seenBy(two, 'orders')
  expect(seen).toMatchObject({
    holders: [{ atLeastMs: 0, atMostMs: null, label: null }],
    waiters: [{ waitedMs: expect.any(Number) as number, label: 'in vain', session: { process } }],
  })

  // The lock is released and acquired again between two inspections. That is a new hold, with its own age.
  await two.close({ graceMs: 0 })
  await lock.release()
  const again = performance.now()
  await one.acquire('orders')
  const later = await seenBy(one, 'orders')
  expect(later!.holders[0]).toMatchObject({ label: null })
  expect(later!.holders[0]!.atMostMs).toBeLessThanOrEqual(performance.now() - again + 1)
  await one.close({ graceMs: 0 })
})

test('permits of a semaphore are shown as one lock, without its internal locks', async () => {
  const [one, two] = [world.pool({ applicationName: 'one' }), world.pool({ applicationName: 'two' })]
  const permits = [await one.semaphore('pdf', 3).acquire(), await two.semaphore('pdf', 3).acquire()]

  const [lock, ...more] = await sees(one, [{ kind: 'semaphore', title: 'pdf', permits: 3, waiters: [] }])

  expect(more).toEqual([])
  expect(lock!.holders.map(({ permit }) => permit)).toEqual(
    permits.map(({ number }) => number).toSorted((a, b) => a - b),
  )
  await Promise.all(permits.map((permit) => permit.release()))
})

test('rows and tables that others wait for, and raw keys of any program', async () => {
  const locks = world.pool()
  await world.database.query(
    'CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)',
  )
  const [holder, first, second, third] = await Promise.all(
    ['holder', 'first', 'second', 'third'].map((name) => stranger(name)),
  )
  await holder!.query('SELECT pg_advisory_lock(42), pg_advisory_lock_shared(-1, 2)')
  await holder!.query('BEGIN; UPDATE orders SET id = 1')
  /** Waits until the one lock of this kind is as expected. The waiters come one by one, because their order is part of it. */
  const seen = (kind: string, expected: object): Promise<void> =>
    expect
      .poll(async () => (await locks.inspect()).find((lock) => lock.kind === kind), { timeout: 10_000 })
      .toMatchObject(expected)
  const stuck = [first!.query('UPDATE orders SET id = 1')]
  await seen('row', { holders: [by('holder')], waiters: [by('first')] })
  stuck.push(second!.query('UPDATE orders SET id = 1'))
  await seen('row', { table: 'orders', holders: [by('holder')], waiters: [by('first'), by('second')] })
  stuck.push(third!.query('TRUNCATE orders'))
  await seen('table', { title: 'table orders', waiters: [{ ...by('third'), mode: 'access exclusive' }] })
  const raw = (await locks.inspect()).filter(({ kind }) => kind === 'advisory')
  expect(raw.map(({ id, holders }) => `${id} ${holders[0]!.mode}`).toSorted()).toEqual([
    '-1,2 shared',
    '42 exclusive',
  ])

  await holder!.query('ROLLBACK')
  await Promise.all(stuck)
})

test('a pool writes the names of its keys where there is a table for them, and others read them there', async () => {
  await world.database.query(`${CREATE_SCHEMA};${CREATE_KEY_NAMES}`)
  const [one, two] = [world.pool({ namespace: 'shop' }), world.pool({ keyNames: 'off' })]
  await one.acquire('orders')
  await one.acquire([1, 2])
  await one.semaphore('pdf', 3).acquire()
  await two.acquire('secret')
  const written = async (): Promise<unknown[]> =>
    (await world.database.query('SELECT name, namespace FROM lockpool.key_name ORDER BY name')).rows
  await expect.poll(written, { timeout: 10_000 }).toEqual([
    { name: 'orders', namespace: 'shop' },
    { name: 'pdf', namespace: 'shop' },
  ])

  const titles = async (): Promise<string[]> => (await two.inspect()).map(({ title }) => title).toSorted()
  expect(await titles()).toEqual(['1,2', 'orders', 'pdf', 'secret'])
  const ls = lockpool(['ls', '--json'], { url: world.database.url })
  expect(await ls.ended).toBe(0)
  const { locks } = JSON.parse(ls.out.toString()) as {
    locks: { kind: string; name: { name: string } | null }[]
  }
  const named = locks.map(({ name }) => name?.name).filter((name) => name !== undefined)
  expect(named.toSorted()).toEqual(['orders', 'pdf'])
})

test('old rows of the table of names are removed', async () => {
  await world.database.query(`${CREATE_SCHEMA};${CREATE_KEY_NAMES};TRUNCATE lockpool.key_name`)
  await world.database.query(
    `INSERT INTO lockpool.key_name SELECT i, i, '', NULL, now() - i * interval '1 day' FROM generate_series(1, 10) AS i`,
  )
  const rest = async (): Promise<number> => {
    await world.database.query(SWEEP_KEY_NAMES)
    return (await world.database.query<{ n: number }>('SELECT count(*)::int AS n FROM lockpool.key_name'))
      .rows[0]!.n
  }
  // The statement draws a random number, and deletes rows in about one of thirty calls.
  await expect.poll(rest, { interval: 1, timeout: 20_000 }).toBeLessThan(10)
  expect(await rest()).toBe(6)
})

test('a role that may not see other sessions gets the reason', async () => {
  await world.database.query(`CREATE ROLE looker LOGIN PASSWORD 'x'`)
  const url = new URL(world.database.url)
  url.username = 'looker'
  url.password = 'x'
  const client = new pg.Client({ connectionString: url.href, pipeline: true })
  await client.connect()
  try {
    const locks = world.pool()
    await locks.acquire('orders')
    const state = await readServerState(client, { everything: true, names: [] })
    const lock = state.locks.find(({ target }) => target.kind === 'advisory')
    const session = state.sessions.find(({ pid }) => pid === lock!.pid)
    expect(session).toMatchObject({ application: 'lockpool test', state: null, isLockSession: false })
  } finally {
    await client.end()
    await world.database.query('DROP ROLE looker')
  }
})

test('ls --fail-on is an exit code for scripts', async () => {
  const url = world.database.url
  expect(await lockpool(['ls', '--fail-on', 'warning'], { url }).ended).toBe(0)

  const client = await stranger('holder')
  await client.query('BEGIN')
  await client.query('SELECT pg_advisory_xact_lock(77)')
  const waiting = await stranger('waiter')
  const wait = waiting.query('SELECT pg_advisory_lock(77)')

  // A wait of five seconds or more is a problem.
  await expect
    .poll(() => lockpool(['ls', '--fail-on', 'problem', '--json'], { url }).ended, {
      timeout: 15_000,
      interval: 500,
    })
    .toBe(1)
  expect(await lockpool(['ls'], { url }).ended).toBe(0)
  await client.query('COMMIT')
  await wait
})

test('where locks are rows, the session whose snapshot is kept open is known', async () => {
  const locks = world.pool({ backend: 'table', namespace: 'snapshots' })
  await locks.ready()
  const reader = await stranger('a report')
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class')
  await locks.withLock('orders', async () => undefined)
  const watch = await stranger('watch')
  const look = async (): Promise<unknown> =>
    (await readServerState(watch, { everything: false, names: [] })).server.oldSnapshot

  const { rows } = await reader.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  expect(await look()).toMatchObject({
    pid: rows[0]!.pid,
    application: 'a report',
    openMs: expect.any(Number),
    transactions: expect.any(Number),
  })
  await reader.query('COMMIT')
  await expect.poll(async () => ((await look()) as { pid: number } | null)?.pid).not.toBe(rows[0]!.pid)
})
