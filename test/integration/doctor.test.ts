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
