import { mkdtemp, rm, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CLIENT_CHECK, CLIENT_CHECK_MS } from '../../src/dialect/postgres/connection/client-check-sql.js'
import { startServer } from '../support/own-server.js'
import { lockWorld } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { LOCK_SESSION, lockSessionSettings, putInForce } from '../../src/dialect/postgres/session/settings.js'
import { ServerConnection } from '../../src/dialect/postgres/connection/server-connection.js'
import { WirePooler } from '../support/wire-pooler.js'

const world = lockWorld()

const HOSTILE = [
  ['statement_timeout', '1'],
  ['lock_timeout', '1'],
  ['transaction_timeout', '500'],
  ['idle_in_transaction_session_timeout', '100'],
  ['idle_session_timeout', '200'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_read_only', 'on'],
  ['default_transaction_deferrable', 'on'],
  ['search_path', 'nowhere'],
  ['synchronous_commit', 'off'],
  ['client_min_messages', 'debug1'],
  ['tcp_keepalives_idle', '1'],
  ['tcp_user_timeout', '300'],
  ['plan_cache_mode', 'force_custom_plan'],
] as const

/** Settings that end no session, but slow down every statement or fill the server's log. */
const SLOW = [
  ['client_connection_check_interval', '0'],
  ['jit_above_cost', '0'],
  ['enable_nestloop', 'off'],
  ['enable_indexscan', 'off'],
  ['enable_sort', 'off'],
  ['seq_page_cost', '1e9'],
  ['cpu_operator_cost', '1e9'],
  ['join_collapse_limit', '1'],
  ['debug_parallel_query', 'on'],
  ['force_parallel_mode', 'on'],
  ['debug_print_plan', 'on'],
] as const

async function withRole(
  settings: readonly (readonly [string, string])[],
  body: () => Promise<void>,
): Promise<void> {
  const { rows } = await world.database.query<{ name: string }>('SELECT name FROM pg_settings')
  const known = new Set(rows.map(({ name }) => name))
  // The settings apply in this database only. At the same time, other tests use the role in other databases.
  const role = `ALTER ROLE postgres IN DATABASE ${new URL(world.database.url).pathname.slice(1)}`
  for (const [name, value] of settings) {
    if (known.has(name)) await world.database.query(`${role} SET ${name} = '${value}'`)
  }
  try {
    await body()
  } finally {
    await world.database.query(`${role} RESET ALL`)
  }
}

async function lockFor(durationMs: number): Promise<void> {
  const locks = world.pool({ leaseMs: 1000 })
  const held = await Promise.all(Array.from({ length: 100 }, (_, i) => locks.acquire(`key ${i}`)))
  await new Promise((resolve) => setTimeout(resolve, durationMs))

  expect(held.every((lock) => lock.state === 'held')).toBe(true)
  expect(new Set(held.map((lock) => lock.token > 0n))).toEqual(new Set([true]))
  await Promise.all(held.map((lock) => lock.release()))
  await locks.close()
}

test.each(HOSTILE)('a role with %s = %s locks like any other', async (name, value) => {
  await (await world.pool().acquire('fence')).release()
  await withRole([[name, value]], () => lockFor(600))
})

test('a role with all of them at once as well', async () => {
  await withRole([...HOSTILE, ...SLOW], () => lockFor(1500))
})

test('each setting of the table is in force, the planner has its defaults, and all can be undone', async () => {
  const forgiving = HOSTILE.filter(([name]) => name !== 'statement_timeout')
  await withRole([...forgiving, ...SLOW], async () => {
    const server = await ServerConnection.open(
      clientConfig(readConnection(world.database.url).settings, 'lockpool test'),
      AbortSignal.timeout(10_000),
    )
    try {
      const before = await settingsOf(server)
      await putInForce(server, lockSessionSettings(7000))
      const after = await settingsOf(server)
      await server.query('RESET ALL')
      // Every connection of lockpool has this setting.
      await server.setClientCheck()

      for (const { name, comparison } of LOCK_SESSION) {
        const wanted = lockSessionSettings(7000)[name]!
        const found = after.get(name)?.setting
        if (comparison === 'at least') expect(Number(found), name).toBeGreaterThanOrEqual(Number(wanted))
        else if (found !== undefined || name !== 'transaction_timeout') expect(found, name).toBe(wanted)
      }
      const planner = [...after.keys()].filter((name) => /^enable_|_cost$|collapse|^debug_print/.test(name))
      for (const name of planner) {
        if (!name.startsWith('jit_')) expect(after.get(name)!.setting, name).toBe(after.get(name)!.boot_val)
      }
      expect(await settingsOf(server)).toEqual(before)
    } finally {
      server.destroy()
    }
  })
})

async function settingsOf(
  server: ServerConnection,
): Promise<ReadonlyMap<string, { readonly setting: string; readonly boot_val: string }>> {
  const { rows } = await server.query<{ name: string; setting: string; boot_val: string }>(
    `SELECT name, setting, boot_val FROM pg_catalog.pg_settings WHERE name NOT LIKE 'transaction%'`,
  )
  return new Map(rows.map(({ name, setting, boot_val }) => [name, { setting, boot_val }]))
}

test('a session without its settings grants no locks, and names the missing settings', async () => {
  await using between = await WirePooler.to(world.database.url, {
    mode: 'session',
    rewrite: (sql) => sql.replace(/pg_catalog.set_config.known.name, (.*), false./, '$1'),
  })
  const locks = world.pool({ connection: between.url, leaseMs: 7000 })

  const error = await rejection(locks.acquire('orders'))

  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
  expect(error.message).toMatch(/idle_session_timeout is 0, not 7000/)
  await locks.close()
})

test('a borrower finds none of the settings of a lock session on its connection', async () => {
  const locks = world.pool({ idleTimeoutMs: 50, min: 0, max: 2 })
  await (await locks.acquire('orders')).release()
  await expect.poll(() => locks.snapshot().sessions, { timeout: 5000 }).toEqual([])

  const { rows } = await locks.connections.use((connection) =>
    connection.query(
      `SELECT name, setting FROM pg_settings WHERE source = 'session' AND (name, setting) <> ($1, $2)`,
      [CLIENT_CHECK, String(CLIENT_CHECK_MS)],
    ),
  )

  expect(rows).toEqual([])
})

test('over a Unix socket, which has no keepalives, locks are kept and released', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockpool-socket-'))
  await chmod(folder, 0o777)
  await using server = await startServer({ unix_socket_directories: folder })
  const { port, username, password, pathname } = new URL(server.url)
  const locks = world.pool({
    connection: { host: folder, port: Number(port), user: username, password, database: pathname.slice(1) },
    leaseMs: 1000,
  })

  const lock = await locks.acquire('orders')
  await new Promise((resolve) => setTimeout(resolve, 1200))

  expect(lock.state).toBe('held')
  await lock.release()
  await locks.close()
  await rm(folder, { recursive: true, force: true })
})
