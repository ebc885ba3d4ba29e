import { expect, test } from 'vitest'
import type { Check } from '../../src/cli/doctor/verdict.js'
import { PgBouncer, hasPgBouncer } from '../support/pgbouncer.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

interface Report {
  readonly version: number
  readonly ok: boolean
  readonly checks: readonly Check[]
}

async function doctor(
  url: string,
): Promise<{ status: unknown; report: Report; find: (name: string) => Check }> {
  const started = lockpool(['doctor', '--json'], { url })
  const status = await started.ended
  const report = JSON.parse(started.out.toString()) as Report
  return { status, report, find: (name) => report.checks.find((check) => check.name === name)! }
}

test('a suitable database has no failures, and is not changed', async () => {
  const { status, report, find } = await doctor(world.database.url)

  expect(report.checks.filter((check) => check.status === 'failure')).toEqual([])
  expect({ status, ok: report.ok, version: report.version }).toEqual({ status: 0, ok: true, version: 1 })
  expect(find('connection').text).toMatch(
    /^database test_\w+ at 127\.0\.0\.1:\d+ as postgres, by LOCKPOOL_URL$/,
  )
  expect(find('tokens').text).toMatch(/does not exist yet/)
  expect(find('hosts').text).toMatch(/one address, and no standby/)
  expect(find('timeline').text).toMatch(/^timeline \d+/)
  expect(find('lease').text).toMatch(/^leaseMs 15 s; there is no standby/)
  const { rows } = await world.database.query(`SELECT FROM pg_namespace WHERE nspname = 'lockpool'`)
  expect(rows).toEqual([])
})

test('a role without privileges gets notifications', async () => {
  await world.database.query(`CREATE ROLE poor_patient LOGIN PASSWORD 'x' CONNECTION LIMIT 3`)
  try {
    const url = new URL(world.database.url)
    url.username = 'poor_patient'
    url.password = 'x'
    const { status, find } = await doctor(url.href)

    expect(status).toBe(0)
    expect(find('tokens').status).toBe('warning')
    expect(find('connections').text).toMatch(/, 2 left for this role$/)
    expect(find('rights').text).toMatch(/only end sessions of its own role/)
  } finally {
    await world.database.query('DROP ROLE poor_patient')
  }
})

test('a role without rights on the schema learns what works for it, check by check', async () => {
  await world.database.query(`CREATE SCHEMA lockpool; CREATE ROLE stranger LOGIN PASSWORD 'x'`)
  await lockpool(['install', '--backend', 'table'], { url: world.database.url }).ended
  try {
    const url = new URL(world.database.url)
    url.username = 'stranger'
    url.password = 'x'
    const { status, find, report } = await doctor(url.href)

    expect(status).toBe(0)
    expect(report.checks.filter((check) => check.status === 'failure')).toEqual([])
    expect(find('locks').text).toMatch(/^a lock was acquired/)
    expect(find('tokens')).toMatchObject({
      status: 'warning',
      advice: expect.stringContaining('lockpool install --role stranger --url postgres://OWNER@127.0.0.1:'),
    })
    expect(find('backend').text).toMatch(/may not read/)

    const rows = lockpool(['run', '--backend', 'table', 'key', '--', 'true'], { url: url.href })
    expect(await rows.ended).not.toBe(0)
    expect(rows.err).toMatch(/this role may not use the tables of backend "table"/)
  } finally {
    await world.database.query('DROP SCHEMA lockpool CASCADE; DROP ROLE stranger')
  }
})

test('it decides for no pool how locks are kept, and names a move that was broken off', async () => {
  await lockpool(['install'], { url: world.database.url }).ended
  try {
    const { find } = await doctor(world.database.url)
    expect(find('backend').text).toMatch(/the first pool decides/)
    const { rows } = await world.database.query('SELECT FROM lockpool.backend')
    expect(rows).toEqual([])

    await world.database.query(
      `INSERT INTO lockpool.backend (namespace, backend, used_by) VALUES ('a', 'moving from table', 'process 7')`,
    )
    expect((await doctor(world.database.url)).find('backend')).toMatchObject({
      status: 'warning',
      text: expect.stringMatching(/a move of namespace "a" .* was broken off/),
      advice: expect.stringMatching(/: lockpool migrate-backend --to advisory --namespace a$/),
    })
  } finally {
    await world.database.query('DROP SCHEMA lockpool CASCADE')
  }
})

test('a statement that the server refuses does not make the connection or locks fail', async () => {
  await world.database.query(`CREATE ROLE blinded LOGIN PASSWORD 'x'`)
  await world.database.query('REVOKE SELECT ON pg_catalog.pg_settings FROM PUBLIC')
  try {
    const url = new URL(world.database.url)
    url.username = 'blinded'
    url.password = 'x'
    const { find, report } = await doctor(url.href)

    expect([find('connection').status, find('facts').status]).toEqual(['ok', 'warning'])
    expect(find('facts').text).toMatch(/permission denied/)
    expect(report.checks.map(({ name }) => name)).toEqual(['connection', 'facts', 'locks'])
  } finally {
    await world.database.query('GRANT SELECT ON pg_catalog.pg_settings TO PUBLIC; DROP ROLE blinded')
  }
})

test('an unreachable server is a failure with advice, and without secrets', async () => {
  const refused = lockpool(['doctor'], { url: 'postgres://u:secret@127.0.0.1:1/db' })

  expect(await refused.ended).toBe(1)
  expect(refused.out.toString()).toMatch(/^✗ connection {2}connect ECONNREFUSED .*from LOCKPOOL_URL\)$/m)
  expect(refused.out.toString()).not.toMatch(/secret/)
})

test.skipIf(!hasPgBouncer)(
  'a pooler in transaction mode fails, and one in session mode is a warning',
  async () => {
    {
      await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'transaction' })
      const { status, find } = await doctor(bouncer.url)
      expect(status).toBe(1)
      expect(find('pooler').status).toBe('failure')
      expect(find('locks').advice).toMatch(/POOLER_DETECTED/)
    }
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'session' })
    const { status, find } = await doctor(bouncer.url)
    expect(status).toBe(0)
    expect([find('pooler').status, find('locks').status]).toEqual(['warning', 'ok'])
  },
)
