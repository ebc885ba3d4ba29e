/** Commands on a database with locks of engine 'distributed', and on servers that call themselves such an engine. */
import { expect, test } from 'vitest'
import type { Check } from '../../src/cli/doctor/verdict.js'
import type { LockPool, LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { offencesIn } from '../support/documented-sql.js'
import { WirePooler } from '../support/wire-pooler.js'

const world = lockWorld()

const DISTRIBUTED: LockPoolOptions = { backend: 'table', engine: 'distributed', namespace: 'rows' }

/** A server that calls itself YugabyteDB, and records what it is sent. */
async function yugabyte(sent: string[] = [], lacking = (sql: string): string => sql): Promise<WirePooler> {
  return WirePooler.to(world.database.url, {
    mode: 'session',
    keepsKey: true,
    rewrite: (sql) => {
      sent.push(sql)
      return lacking(sql).replace('pg_catalog.version()', `'PostgreSQL 15.2-YB-2025.1.0.0-b0'`)
    },
  })
}

async function recording(sent: string[]): Promise<WirePooler> {
  return WirePooler.to(world.database.url, {
    mode: 'session',
    keepsKey: true,
    rewrite: (sql) => {
      sent.push(sql)
      return sql
    },
  })
}

async function tables(): Promise<string[]> {
  const { rows } = await world.database.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'lockpool' ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

interface Outcome {
  readonly status: unknown
  readonly out: string
  readonly err: string
}

async function command(url: string, ...args: string[]): Promise<Outcome> {
  const started = lockpool(args, { url })
  const status = await started.ended
  return { status, out: started.out.toString(), err: started.err }
}

/** A holder and a waiter in two pools. */
async function contended(): Promise<{
  readonly locks: LockPool
  readonly next: Promise<{ release(): unknown }>
}> {
  const locks = world.pool({ ...DISTRIBUTED, applicationName: 'one', leaseMs: 1000 })
  const others = world.pool({ ...DISTRIBUTED, applicationName: 'two', leaseMs: 1000 })
  await locks.acquire('orders')
  const next = others.acquire('orders', { timeoutMs: 20_000 })
  await expect.poll(async () => (await locks.inspect()).flatMap(({ waiters }) => waiters)).toHaveLength(1)
  return { locks, next }
}

const HOLDER_AND_WAITER = [
  {
    holders: [{ mode: 'exclusive', session: { application: 'one' } }],
    waiters: [{ session: { application: 'two' } }],
  },
]

test('on PostgreSQL a pool with advisory locks and the commands see rows of this engine, and break ends a holder', async () => {
  const { locks, next } = await contended()
  const bystander = world.pool()

  expect(await bystander.inspect()).toMatchObject(HOLDER_AND_WAITER)
  const [seen] = await locks.inspect()
  const { pid } = seen!.holders[0]!.session
  const listed = await command(world.database.url, 'ls', '--json')
  expect(JSON.parse(listed.out), listed.err).toMatchObject({
    locks: [{ holders: [{ pid, mode: 'exclusive' }], waiters: [{ mode: 'exclusive' }] }],
  })

  const broken = await command(world.database.url, 'break', '--pid', String(pid), '--yes')
  expect(broken).toMatchObject({ status: 0, out: expect.stringContaining(`session ${pid} has ended`) })
  await (await next).release()
})

test('on a server that calls itself YugabyteDB the commands read the tables of the engine alone', async () => {
  const { next, locks } = await contended()
  await locks.close({ graceMs: 0 })
  const held = await next
  const sent: string[] = []
  await using between = await yugabyte(sent)

  const listed = await command(between.url, 'ls', '--json')

  expect(JSON.parse(listed.out), listed.err).toMatchObject({
    locks: [{ holders: [{ mode: 'exclusive' }], waiters: [] }],
  })
  expect(sent.filter((sql) => sql.includes('pg_locks'))).toEqual([])
  expect(sent.filter((sql) => sql.includes('lockpool.dist_lease'))).toHaveLength(1)
  await held.release()
})

test('install creates the tables for another role, in documented SQL with one statement each', async () => {
  await world.database.query(
    `DROP SCHEMA IF EXISTS lockpool CASCADE; CREATE ROLE "An App" LOGIN PASSWORD 'app'`,
  )
  const sent: string[] = []
  const args = ['install', '--backend', 'table', '--engine', 'distributed', '--role', 'An App', '--json']
  try {
    for (let times = 0; times < 2; times++) {
      await using between = await recording(sent)
      const installed = await command(between.url, ...args)
      expect(JSON.parse(installed.out), installed.err).toEqual({
        version: 1,
        installed: true,
        schema: 'lockpool',
        roles: ['An App'],
        keyNames: false,
        backend: 'table',
        engine: 'distributed',
      })
    }
    expect(sent.flatMap(offencesIn)).toEqual([])
    expect(sent.filter((sql) => sql.includes(';'))).toEqual([])

    const url = new URL(world.database.url)
    url.username = 'An App'
    url.password = 'app'
    const locks = world.pool({ ...DISTRIBUTED, connection: url.href })
    await locks.withLock('orders', async () => undefined)
    await locks.close()
  } finally {
    await world.database.query('DROP OWNED BY "An App"; DROP ROLE "An App"')
  }
})

test('install finds by itself that the server is such an engine, and then needs --backend table', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  await using between = await yugabyte()

  expect(await command(between.url, 'install')).toMatchObject({
    status: 78,
    err: 'lockpool: this server keeps locks only as rows: it needs --backend table\n',
  })
  expect(await command(between.url, 'install', '--backend', 'table', '--strict-lease', '20s')).toMatchObject({
    status: 78,
    err: expect.stringContaining('without --strict-lease'),
  })
  expect(await tables()).toEqual([])

  const installed = await command(between.url, 'install', '--backend', 'table', '--json')
  expect(JSON.parse(installed.out), installed.err).toMatchObject({ engine: 'distributed' })
  expect(await tables()).toEqual([
    ...['backend', 'dist_floor', 'dist_gate', 'dist_leader', 'dist_lease', 'dist_member', 'guard'],
  ])
})

test('install --print shows the statements of the engine without a transaction around them', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  const printed = await command(
    world.database.url,
    ...'install --backend table --engine distributed --print'.split(' '),
  )

  expect(printed.out).not.toMatch(/^(BEGIN|COMMIT)/m)
  for (const statement of printed.out.split(';\n').slice(0, -1)) await world.database.query(statement)
  expect(await tables()).toContain('dist_lease')
})

test.each([
  [['--engine', 'distributed'], '--engine needs --backend table'],
  [['--engine', 'postgres', '--backend', 'advisory'], '--engine needs --backend table'],
  [['--engine', 'cockroach', '--backend', 'table'], '--engine'],
  ...['--no-key-names', '--database=other', '--strict-lease=20s'].map(
    (flag) =>
      [
        ['--engine', 'distributed', '--backend', 'table', flag],
        `${flag.split('=')[0]} and --engine distributed exclude each other`,
      ] as const,
  ),
] as [string[], string][])('install %j is a usage error', async (flags, message) => {
  expect(await command(world.database.url, 'install', ...flags)).toMatchObject({
    status: 64,
    err: expect.stringContaining(message),
  })
})

test('doctor checks the tables and members of such an engine, and says that no lock was tried', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
  await using between = await yugabyte()
  const doctor = async (...flags: string[]): Promise<Outcome & { checks: Check[] }> => {
    const outcome = await command(between.url, 'doctor', '--json', ...flags)
    return { ...outcome, checks: (JSON.parse(outcome.out) as { checks: Check[] }).checks }
  }
  const verdicts = (checks: Check[]): string[] => checks.map(({ name, status }) => `${name} ${status}`)

  const empty = await doctor()
  expect(empty.status).toBe(0)
  expect(verdicts(empty.checks)).toEqual([
    ...['connection ok', 'server warning', 'tables warning', 'locks warning'],
  ])
  expect(await tables()).toEqual([])

  const locks = world.pool(DISTRIBUTED)
  await locks.ready()
  const full = await doctor('--serve')
  expect(full.status).toBe(1)
  expect(verdicts(full.checks)).toEqual([
    ...['connection ok', 'server warning', 'tables ok', 'members ok', 'locks warning', 'serve failure'],
  ])
  expect(full.checks[1]!.text).toMatch(/^PostgreSQL 15\.2-YB-/)
  expect(full.checks[3]!.text).toBe('1 lock sessions use them')
  expect((await command(between.url, 'doctor')).out).toMatch(
    /no lock was tried; 2 of 5 checks have warnings\n$/,
  )
  await locks.close()
})

test.each([
  ['answers as PostgreSQL does', (sql: string) => sql],
  [
    'lacks a catalog',
    (sql: string) => sql.replace('pg_catalog.pg_prepared_statements', 'pg_catalog.missing'),
  ],
])('serve refuses such an engine, if it %s', async (_, lacking) => {
  await using between = await yugabyte([], lacking)
  const refused = await command(between.url, 'serve', '--trust', '--listen', '127.0.0.1:0')

  expect(refused).toMatchObject({ status: 69, out: '' })
  expect(refused.err).toMatch(
    /: this server keeps locks only as rows, and lockpool serve needs the advisory locks/,
  )
})
