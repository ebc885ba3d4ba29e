import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ServerConnection } from '../../src/dialect/postgres/connection/server-connection.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

function lockpool(...args: string[]): SpawnSyncReturns<string> {
  const { PATH } = process.env
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env: { PATH }, timeout: 20_000 })
}

const onDatabase = (...args: string[]): SpawnSyncReturns<string> =>
  lockpool(...args, '--url', world.database.url)

function connected(url: string): Promise<ServerConnection> {
  return ServerConnection.open(
    clientConfig(readConnection(url).settings, 'lockpool test'),
    AbortSignal.timeout(10_000),
  )
}

async function objects(): Promise<string[]> {
  const { rows } = await world.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = 'lockpool' AND relkind IN ('r', 'S') ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

const ALL = [
  'backend',
  'fence',
  'guard',
  'hold',
  'key_name',
  'leader',
  'release_request',
  'report',
  'run',
  'secret',
  'timeline',
]

test('install makes what a role without rights needs for tokens and strict mode, and can be repeated', async () => {
  await world.database.query(`CREATE ROLE "The App" LOGIN PASSWORD 'app'; CREATE ROLE worker`)
  const url = new URL(world.database.url)
  url.username = 'The App'
  url.password = 'app'
  try {
    await rejection(world.pool({ connection: url.href, strict: true }).ready())
    for (let times = 0; times < 2; times++) {
      expect(onDatabase('install', '--role', 'The App', '--role', 'worker')).toMatchObject({
        status: 0,
        stdout: 'lockpool: schema lockpool is installed\n',
        stderr: '',
      })
    }

    expect(await objects()).toEqual(ALL)
    const locks = world.pool({ connection: url.href, strict: true })
    const lock = await locks.acquire('orders')
    await locks.transaction((tx) => lock.guard(tx))
    expect(lock.token).toBeGreaterThan(0n)
    await world.database.query(`UPDATE lockpool.timeline SET name = '000000FF'`)
    expect((await world.pool({ connection: url.href }).acquire('later')).token).toBeGreaterThan(lock.token)
    await lock.release()
  } finally {
    await world.closeAll()
    await world.database.query(`DROP OWNED BY "The App", worker; DROP ROLE "The App", worker`)
  }
})

test('the output of --print does what the command does', async () => {
  const { status, stdout } = lockpool('install', '--print', '--role', 'postgres')
  expect(status).toBe(0)
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')

  await world.database.query(stdout)

  expect(await objects()).toEqual(ALL)
  expect(lockpool('uninstall', '--print')).toMatchObject({
    status: 0,
    stdout: 'BEGIN;\nDROP SCHEMA IF EXISTS lockpool CASCADE;\nCOMMIT;\n',
  })
})

test('with --json the output is JSON: the present state, or the planned changes', async () => {
  const json = (...args: string[]): unknown => JSON.parse(onDatabase(...args, '--json').stdout)

  expect(json('install', '--role', 'postgres', '--no-key-names')).toEqual({
    version: 1,
    installed: true,
    schema: 'lockpool',
    roles: ['postgres'],
    keyNames: false,
  })
  expect(json('install')).toMatchObject({ roles: [], keyNames: true })
  expect(await objects()).toEqual(ALL)
  expect(json('uninstall', '--print')).toEqual({
    version: 1,
    statements: ['DROP SCHEMA IF EXISTS lockpool CASCADE'],
  })
  expect(await objects()).toEqual(ALL)
  expect(json('uninstall', '--yes')).toEqual({ version: 1, installed: false, schema: 'lockpool' })
  expect(await objects()).toEqual([])

  const { statements } = json('install', '--print') as { statements: string[] }
  await world.database.query(statements.join(';'))
  expect(await objects()).toEqual(ALL)
  expect(onDatabase('install', '--role', 'nobody there', '--json')).toMatchObject({ status: 69, stdout: '' })
})

test('uninstall drops it only with the flag', async () => {
  onDatabase('install')

  expect(onDatabase('uninstall')).toMatchObject({ status: 64, stdout: '' })
  expect(await objects()).toEqual(ALL)
  expect(onDatabase('uninstall', '--yes')).toMatchObject({ status: 0, stderr: '' })
  expect(await objects()).toEqual([])
  expect(onDatabase('uninstall', '--yes'), 'twice').toMatchObject({ status: 0 })
})

test.each([
  ['an argument', ['install', 'x'], 64, /takes no arguments/],
  ['a command', ['uninstall', '--yes', '--', 'x'], 64, /takes no arguments/],
  ['an empty role', ['install', '--role', ''], 64, /--role must be/],
  ['a URL that is none', ['install', '--url', 'postgres://u:secret@h:x/db'], 78, /--url/],
  ['nobody there', ['install', '--url', 'postgres://u:secret@127.0.0.1:1/db'], 69, /ECONNREFUSED/],
])('%s is refused with the usual exit code, and no secret', (_, args, status, message) => {
  const result = lockpool(...args)

  expect(result).toMatchObject({ status, stdout: '' })
  expect(result.stderr).toMatch(message)
  expect(result.stderr).not.toMatch(/secret/)
})

test('a role that does not exist, or may not: nothing is changed, and the server says why', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')

  const result = onDatabase('install', '--role', 'no "such" role')

  expect(result).toMatchObject({
    status: 69,
    stderr: expect.stringMatching(/no "such" role.*does not exist/),
  })
  expect(await objects()).toEqual([])
})

test('the longest lease of strict pools is decided by the first, or by an operator, and pools keep to it', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  const strict = async (leaseMs: number): Promise<{ leaseMs: string; warnings: string[] }> => {
    const warnings: string[] = []
    const locks = world.pool({ strict: true, leaseMs })
    locks.on('warning', ({ message }) => warnings.push(message))
    const lock = await locks.acquire(`key ${leaseMs}`)
    const { rows } = await world.database.query<{ lease: string }>(
      'SELECT lease_ms::text AS lease FROM lockpool.hold',
    )
    await lock.release()
    return { leaseMs: rows[0]!.lease, warnings }
  }
  const decided = async (): Promise<object> => {
    const { rows } = await world.database.query<object>(
      'SELECT strict_lease_ms AS lease, longest_lease_ms AS wait FROM lockpool.timeline',
    )
    return rows[0]!
  }

  expect(await strict(60_000)).toEqual({
    leaseMs: '30000',
    warnings: [expect.stringMatching(/"leaseMs" is 60000.*30000 at most.*--strict-lease/)],
  })
  expect(onDatabase('install', '--strict-lease', '60s').status).toBe(0)
  expect(await decided()).toEqual({ lease: 60_000, wait: 60_000 })
  expect(await strict(60_000)).toEqual({ leaseMs: '60000', warnings: [] })
  expect(JSON.parse(onDatabase('install', '--strict-lease', '5s', '--json').stdout)).toMatchObject({
    strictLeaseMs: 5000,
  })
  expect(await decided(), 'those of before may still be there').toEqual({ lease: 5000, wait: 60_000 })
  expect(await strict(2000)).toEqual({ leaseMs: '2000', warnings: [] })
  expect((await strict(60_000)).leaseMs).toBe('5000')
  expect(onDatabase('install', '--strict-lease', '60s', '--print')).toMatchObject({ status: 64 })
  expect(onDatabase('install', '--strict-lease', '10ms')).toMatchObject({ status: 64 })
})

test('a longer lease waits for replicas that are known of', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  onDatabase('install', '--strict-lease', '2s')
  const client = await connected(world.database.url)
  await world.database.query(`SELECT pg_create_physical_replication_slot('a_replica')`)
  try {
    const { decideStrictLease } = await import('../../src/dialect/postgres/fencing/strict-lease.js')
    const clock = new ManualClock()
    const decision = decideStrictLease(client, 9000, clock)
    let settled = false
    const told = decision.catch((error: unknown) => error).finally(() => (settled = true))
    for (let i = 0; i < 1000 && !settled; i++) {
      await clock.run(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }

    expect(await told).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(/a_replica \(it is not connected\)/),
    })
    const { rows } = await world.database.query(
      'SELECT strict_lease_ms AS lease, longest_lease_ms AS wait FROM lockpool.timeline',
    )
    expect(rows, 'what is waited is longer already').toEqual([{ lease: 2000, wait: 9000 }])
  } finally {
    client.destroy()
    await world.database.query(`SELECT pg_drop_replication_slot('a_replica')`)
  }
})

test('install makes a database of its own for locks, once, and installs there', async () => {
  const name = `locks of ${new URL(world.database.url).pathname.slice(1)}`
  const before = await objects()
  try {
    for (let times = 0; times < 2; times++) {
      expect(onDatabase('install', '--backend', 'table', '--database', name)).toMatchObject({
        status: 0,
        stdout: `lockpool: schema lockpool is installed in database ${name}\n`,
      })
    }
    expect(await objects()).toEqual(before)
    const url = new URL(world.database.url)
    url.pathname = `/${encodeURIComponent(name)}`
    const locks = world.pool({ connection: url.href, backend: 'table', namespace: 'of its own' })
    await locks.withLock('orders', async () => undefined)
    await locks.close()
  } finally {
    await world.database.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
  }
  expect(onDatabase('install', '--database', name, '--print')).toMatchObject({
    status: 64,
    stderr: expect.stringContaining('--print'),
  })
})
