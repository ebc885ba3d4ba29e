import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import pg from 'pg'
import { expect, test } from 'vitest'
import { ConnectionPool } from '../../src/pool/connection-pool.js'
import { PostgresPool } from '../../src/dialect/postgres/pool/pool.js'
import { lockWorld } from '../support/lock-world.js'
import { StubFactory } from '../support/stub-factory.js'

/** Libraries that check the pool that they get, and the members that they check. as-pg-pool.test.ts has other libraries. */
const world = lockWorld()
const require = createRequire(import.meta.url)

/** The part of Prisma's adapter that the test uses. */
interface Adapter {
  queryRaw(query: { sql: string; args: unknown[]; argTypes: unknown[] }): Promise<{ rows: unknown[][] }>
  startTransaction(): Promise<Adapter & { commit(): Promise<void>; rollback(): Promise<void> }>
  dispose(): Promise<void>
}

const ask = (sql: string, ...args: unknown[]): { sql: string; args: unknown[]; argTypes: unknown[] } => ({
  sql,
  args,
  argTypes: args.map(() => ({ scalarType: 'string', arity: 'scalar' })),
})

test('the adapter of Prisma takes it for a pool, and not for a config', async () => {
  const { PrismaPg } = require('@prisma/adapter-pg') as {
    PrismaPg: new (pool: pg.Pool) => { connect(): Promise<Adapter> }
  }
  const { connections } = world.pool({ max: 3 })
  const adapter = await new PrismaPg(connections).connect()

  expect((await adapter.queryRaw(ask('SELECT $1::text AS name', 'Ann'))).rows).toEqual([['Ann']])
  const transaction = await adapter.startTransaction()
  await transaction.queryRaw(ask('BEGIN'))
  await transaction.queryRaw(ask('CREATE TABLE of_prisma (n int)'))
  await transaction.queryRaw(ask('ROLLBACK'))
  await transaction.rollback()
  const { rows } = await adapter.queryRaw(ask(`SELECT to_regclass('of_prisma')::text`))
  expect(rows).toEqual([[null]])
  await adapter.dispose()

  expect(connections.listenerCount('error')).toBe(0)
  expect((await connections.query('SELECT 1 AS one')).rows, 'it is not the end of the pool').toEqual([
    { one: 1 },
  ])
  expect(connections.counts()).toMatchObject({ leased: 0 })
})

test('connect-pg-simple keeps sessions in it', async () => {
  class Store extends EventEmitter {}
  const connectPgSimple = require('connect-pg-simple') as (session: object) => new (options: object) => {
    set(id: string, session: object, done: (error: Error | null) => void): void
    get(id: string, done: (error: Error | null, session: unknown) => void): void
    close(): Promise<void>
  }
  const PgStore = connectPgSimple({ Store })
  const { connections } = world.pool({ max: 3 })
  const store = new PgStore({ pool: connections, createTableIfMissing: true, pruneSessionInterval: false })
  const session = { cookie: { maxAge: 60_000 }, who: 'Ann' }

  await new Promise<void>((resolve, reject) =>
    store.set('id', session, (error) => (error ? reject(error) : resolve())),
  )
  const read = await new Promise((resolve, reject) =>
    store.get('id', (error, found) => (error ? reject(error) : resolve(found))),
  )
  await store.close()

  expect(read).toMatchObject({ who: 'Ann' })
  expect(connections.ending, 'it is not its own').toBe(false)
})

test('it is a pool of lockpool, a pg.Pool and an EventEmitter, and other objects are not', () => {
  const { connections } = world.pool()
  const plain = new ConnectionPool(new StubFactory())

  for (const Class of [PostgresPool, ConnectionPool, pg.Pool, EventEmitter])
    expect(connections, Class.name).toBeInstanceOf(Class)
  expect(plain).toBeInstanceOf(ConnectionPool)
  for (const Class of [PostgresPool, pg.Pool, EventEmitter])
    expect(plain, Class.name).not.toBeInstanceOf(Class)
  for (const other of [null, {}, 5, new pg.Pool(), Object.create(ConnectionPool.prototype)])
    expect(other instanceof ConnectionPool).toBe(false)
  expect(connections.constructor).toBe(PostgresPool)
})

test('it overrides every member of pg.Pool that would see another pool', async () => {
  const { connections } = world.pool()
  const ours = new Set<string>()
  for (let line: object = connections; line !== pg.Pool.prototype; line = Object.getPrototypeOf(line))
    for (const name of Object.getOwnPropertyNames(line)) ours.add(name)
  const theirs = Object.getOwnPropertyNames(Object.getPrototypeOf(pg.Pool.prototype))

  // Members whose name begins with an underscore are internal to pg.Pool. `newClient` is too, and uses them.
  const left = theirs.filter((name) => !name.startsWith('_') && name !== 'newClient' && !ours.has(name))
  expect(left).toEqual([])
})

test('its events are those of an emitter: once, prepended, in order, counted and awaited', async () => {
  const { connections } = world.pool({ min: 0, max: 2 })
  const calls: string[] = []
  const listener = (): void => void calls.push('on')
  connections.on('connection:checked-out', listener)
  connections.once('connection:checked-out', () => calls.push('once'))
  connections.prependListener('connection:checked-out', () => calls.push('first'))
  connections.prependOnceListener('connection:checked-out', () => calls.push('first, once'))
  const opened = EventEmitter.once(connections, 'connection:opened')
  expect(connections.listenerCount('connection:checked-out')).toBe(4)
  expect(connections.eventNames()).toEqual(
    expect.arrayContaining(['connection:checked-out', 'connection:opened']),
  )
  expect(connections.listeners('connection:checked-out')).toContain(listener)

  await connections.query('SELECT 1')
  await connections.query('SELECT 1')
  connections.off('connection:checked-out', listener)
  await connections.query('SELECT 1')
  connections.removeAllListeners('connection:checked-out')
  await connections.query('SELECT 1')

  expect(calls).toEqual(['first, once', 'first', 'on', 'once', 'first', 'on', 'first'])
  expect(await opened).toMatchObject([{ id: 1 }])
  expect(connections.listenerCount('connection:checked-out')).toBe(0)
  expect(connections.eventNames()).toEqual([])
})

test('a listener that throws does not keep an event from the other listeners', async () => {
  const { connections } = world.pool({ min: 0, max: 2 })
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  const heard: string[] = []
  process.on('uncaughtException', note)
  try {
    connections.on('connection:checked-out', () => {
      throw new Error('mine')
    })
    connections.on('connection:checked-out', function (this: unknown) {
      heard.push(this === connections ? 'its own pool' : 'another')
    })
    await connections.query('SELECT 1')
    await expect.poll(() => uncaught.length, { timeout: 5000 }).toBe(1)
  } finally {
    process.off('uncaughtException', note)
  }

  expect(heard).toEqual(['its own pool'])
  expect(connections.counts()).toMatchObject({ idle: 1, leased: 0 })
})
