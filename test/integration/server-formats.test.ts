import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Check } from '../../src/cli/doctor/verdict.js'
import { dashboardHandler } from '../../src/dashboard.js'
import type { StateJson } from '../../src/dashboard/state-json.js'
import { endSession } from '../../src/dialect/postgres/inspect/read-in-transaction.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

/** The settings that change the format of values in a server's answers. Each row makes a separate test. */
const FORMATS: readonly Readonly<Record<string, string>>[] = [
  { DateStyle: 'German', IntervalStyle: 'iso_8601', TimeZone: 'Asia/Kolkata', extra_float_digits: '-15' },
  {
    DateStyle: 'SQL, DMY',
    IntervalStyle: 'sql_standard',
    TimeZone: 'America/New_York',
    bytea_output: 'escape',
  },
  { DateStyle: 'Postgres, MDY', IntervalStyle: 'postgres_verbose', TimeZone: 'Pacific/Chatham' },
]

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/

let before: string[] = []

beforeAll(async () => {
  await world.database.query('CREATE SCHEMA IF NOT EXISTS lockpool')
  const { rows } = await world.database.query<{ name: string }>('SELECT current_database() AS name')
  before = [rows[0]!.name]
})

afterAll(() => world.database.query(`ALTER DATABASE ${before[0]} RESET ALL`))

async function json(...args: string[]): Promise<{ status: unknown; value: Record<string, unknown> }> {
  const started = lockpool([...args, '--json'], { url: world.database.url })
  const status = await started.ended
  expect(started.err).toBe('')
  return { status, value: JSON.parse(started.out.toString()) as Record<string, unknown> }
}

test.each(FORMATS)('with $DateStyle, in $TimeZone, everything reads the same', async (settings) => {
  await world.database.query(`ALTER DATABASE ${before[0]} RESET ALL`)
  for (const [name, value] of Object.entries(settings))
    await world.database.query(`ALTER DATABASE ${before[0]} SET ${name} = '${value}'`)
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  const campaign = locks.campaign('leadership', { name: 'me' })
  const around = Date.now()
  /** Whether a time is about now. The server runs on this host, so it has the same clock. */
  const isNow = (at: unknown): boolean => Math.abs(new Date(at as string).getTime() - around) < 300_000

  await expect
    .poll(async () => (await locks.leader('leadership'))?.since, { timeout: 10_000 })
    .toBeInstanceOf(Date)
  expect(isNow((await locks.leader('leadership'))!.since)).toBe(true)

  const { server, sessions } = await locks.inspectAll()
  expect(isNow(server.at)).toBe(true)
  for (const { startedAt, sessionMs, stateMs } of sessions) {
    expect(startedAt).toMatch(ISO)
    expect(isNow(startedAt)).toBe(true)
    expect([Number.isInteger(sessionMs), Number.isInteger(stateMs)]).toEqual([true, true])
  }

  const who = await json('who', 'orders')
  expect(who.status).toBe(0)
  expect(isNow(who.value['at'])).toBe(true)
  const ls = await json('ls')
  expect(isNow(ls.value['at'])).toBe(true)
  const doctor = await json('doctor')
  const checks = doctor.value['checks'] as Check[]
  expect(checks.filter(({ status }) => status === 'failure')).toEqual([])
  expect(checks.find(({ name }) => name === 'clock')).toMatchObject({ status: 'ok' })

  const handler = dashboardHandler(locks)
  const state = (await (await handler(new Request('http://localhost/api/state'))).json()) as StateJson
  expect(state.unavailable).toBeNull()
  expect(Object.values(state.sessions).every(({ startedAt }) => ISO.test(startedAt!))).toBe(true)
  handler.close()
  await campaign.resign()
  await lock.release()
})

test('a session is identified by its start time, whatever the date formats of the sessions that read it', async () => {
  const locks = world.pool()
  await locks.acquire('orders')
  const { sessions } = await locks.inspectAll()
  const { pid, startedAt } = sessions[0]!
  const end = (at: string): Promise<string> =>
    locks.connections.use(async (connection) => {
      await connection.query(`SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'`)
      return endSession(connection, pid, at)
    })

  // A start time that differs by a microsecond belongs to another session.
  expect(await end(startedAt!.replace(/\d(?=Z)/, (digit) => String((Number(digit) + 1) % 10)))).toBe('none')
  expect(await end(startedAt!)).toBe('gone')
})
