import pg from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { LockPool, LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'

/** A setting of the driver has the same effect from every source. */

const world = lockWorld()

let restore = (): void => undefined

afterEach(() => {
  restore()
  restore = () => undefined
  vi.unstubAllEnvs()
})

type Setting = Readonly<Record<string, string | number | boolean>>

const withQuery = (setting: Setting): string => {
  const url = new URL(world.database.url)
  for (const [name, value] of Object.entries(setting)) url.searchParams.set(name, String(value))
  return url.href
}

/** The ways in which a program can pass a setting, each with the pool options that it leads to. */
const SOURCES: Readonly<Record<string, (setting: Setting) => LockPoolOptions>> = {
  'an object': (setting) => ({ connection: { connectionString: world.database.url, ...setting } }),
  'a connection string': (setting) => ({ connection: withQuery(setting) }),
  'a URL': (setting) => ({ connection: new URL(withQuery(setting)) }),
  'the connection string of an object': (setting) => ({
    connection: { connectionString: withQuery(setting) },
  }),
  'what an object inherits': (setting) => ({
    connection: Object.create({ connectionString: world.database.url, ...setting }) as object,
  }),
  DATABASE_URL: (setting) => {
    vi.stubEnv('DATABASE_URL', withQuery(setting))
    // By default, `world.pool` passes a connection. Here the environment must name the server.
    return { connection: undefined } as object
  },
  'pg.defaults': (setting) => {
    const defaults = pg.defaults as unknown as Record<string, unknown>
    const before = Object.keys(setting).map((name) => [name, defaults[name]] as const)
    Object.assign(defaults, setting)
    restore = () => {
      for (const [name, value] of before) defaults[name] = value
    }
    return { connection: world.database.url }
  },
}

function poolFrom(source: string, setting: Setting, more: LockPoolOptions = {}): LockPool {
  return world.pool({ ...SOURCES[source]!(setting), ...more })
}

async function settingsOf(locks: LockPool): Promise<Record<string, string>> {
  const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'work_mem']
  const { rows } = await locks.connections.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
    [names],
  )
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

describe.each(Object.keys(SOURCES))('from %s', (source) => {
  test('query_timeout is left out: it ends neither a lock session nor a borrower', async () => {
    const locks = poolFrom(source, { query_timeout: 1 })
    const lost: string[] = []
    locks.on('session:lost', ({ reason }) => lost.push(reason))
    const lock = await locks.acquire('k')

    expect((await locks.connections.query('SELECT pg_sleep(0.2), 1 AS one')).rows).toMatchObject([{ one: 1 }])
    for (let i = 0; i < 50; i++) await (await locks.acquire(`k${i}`)).release()

    expect([lock.state, lost]).toEqual(['held', []])
    await lock.release()
    await locks.close()
  })

  test('settings are in force for borrowers, and not for locks', async () => {
    const given = {
      statement_timeout: 400,
      lock_timeout: 300,
      idle_in_transaction_session_timeout: 60_000,
      options: '-c work_mem=2MB -c default_transaction_isolation=serializable -c search_path=nowhere',
    }
    const locks = poolFrom(source, given, { leaseMs: 1000 })
    const other = world.pool()
    const lost: string[] = []
    locks.on('session:lost', ({ reason }) => lost.push(reason))
    const lock = await other.acquire('k')

    expect(await settingsOf(locks)).toEqual({
      statement_timeout: '400',
      lock_timeout: '300',
      idle_in_transaction_session_timeout: '60000',
      work_mem: '2048',
    })
    await expect(locks.connections.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' })
    // The wait for the lock takes longer than each of the timeouts, and none of them ends it.
    const waiting = locks.acquire('k')
    await locks.connections.query('SELECT pg_sleep(0.3)')
    await locks.connections.query('SELECT pg_sleep(0.3)')
    await lock.release()
    await (await waiting).release()
    expect(lost).toEqual([])
    await Promise.all([locks.close(), other.close()])
  })
})

test('a connection that was a lock session has its defaults again at the next checkout', async () => {
  const locks = poolFrom(
    'a connection string',
    { statement_timeout: 5000, lock_timeout: 300 },
    { min: 0, max: 2, idleTimeoutMs: 50 },
  )
  await (await locks.acquire('k')).release()
  await expect.poll(() => locks.snapshot().sessions, { timeout: 5000 }).toEqual([])

  expect(await settingsOf(locks)).toMatchObject({ statement_timeout: '5000', lock_timeout: '300' })
  await locks.close()
})

test('locks do not depend on keepalive, on a name, or on how a stream is made', async () => {
  const { Socket } = await import('node:net')
  const streams: object[] = []
  const stream = (): InstanceType<typeof Socket> => {
    const socket = new Socket()
    streams.push(socket)
    return socket
  }
  const locks = world.pool({
    connection: {
      connectionString: world.database.url,
      keepAlive: false,
      application_name: 'mine',
      stream,
      client_encoding: 'LATIN1',
    },
    leaseMs: 1000,
  })
  const lock = await locks.acquire('ключ')
  const { rows } = await locks.connections.query(
    `SELECT current_setting('application_name') AS name, '✓' AS mark`,
  )
  expect(rows).toEqual([{ name: 'mine', mark: '✓' }])
  expect(streams.length).toBeGreaterThan(1)
  await lock.release()
  await locks.close()
})
