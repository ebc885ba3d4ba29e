import { hostname } from 'node:os'
import { beforeAll, expect, test } from 'vitest'
import { CREATE_REPORTS } from '../../src/dialect/postgres/records/report-sql.js'
import {
  CREATE_KEY_NAMES,
  CREATE_OBJECTS,
  CREATE_SCHEMA,
} from '../../src/dialect/postgres/schema/schema-sql.js'
import type { LockHolder, ServerLock } from '../../src/inspect/server-lock.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase } from '../support/database.js'
import { lockpool, script } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

beforeAll(() =>
  world.database.query([CREATE_SCHEMA, ...CREATE_OBJECTS, CREATE_KEY_NAMES, CREATE_REPORTS].join(';')),
)

async function lockOf(locks: LockPool, title: string): Promise<ServerLock | undefined> {
  return (await locks.inspect()).find((lock) => lock.title === title)
}

/** A separate program that holds the lock until it is killed. */
const HOLDER = `
  import { LockPool } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
  const locks = new LockPool({ connection: process.env.URL, applicationName: 'billing' })
  await locks.acquire('month end', { label: 'closing November' })
  console.log('held')
  setInterval(() => undefined, 1000)`

test('all processes see since when and why a lock is held, and by which process', async () => {
  const looker = world.pool()
  const since = performance.now()
  const holder = script(HOLDER, { URL: world.database.url })
  await holder.says('held')
  const age = async (): Promise<number> => (await lockOf(looker, 'month end'))?.holders[0]?.atLeastMs ?? 0
  await expect.poll(age, { timeout: 15_000 }).toBeGreaterThan(2000)

  const [found] = (await lockOf(looker, 'month end'))!.holders
  expect(found).toMatchObject({
    label: 'closing November',
    session: { process: { host: hostname(), id: holder.process.pid } },
  })
  expect(found!.atLeastMs).toBe(found!.atMostMs)
  expect(found!.atLeastMs).toBeLessThanOrEqual(performance.now() - since)

  const who = lockpool(['who', 'month end'], { url: world.database.url })
  expect(await who.ended).toBe(0)
  const text = who.out.toString()
  expect(text).toMatch(/exclusive, for \d/)
  expect(text).toContain('label: closing November')
  expect(text).toContain(`process ${holder.process.pid} on ${hostname()}`)

  // A stopped process sends no reports. The lock must still show that process, and no invented age.
  holder.kill('SIGSTOP')
  const hung = async (): Promise<LockHolder | undefined> => (await lockOf(looker, 'month end'))?.holders[0]
  await expect
    .poll(hung, { timeout: 12_000 })
    .toMatchObject({ atLeastMs: 0, atMostMs: null, label: null, session: { process: { host: hostname() } } })
  holder.kill('SIGKILL')
  await holder.ended
})

test('a lock of lockpool that blocks others is a finding in the terminal', async () => {
  const [holder, waiter] = [
    world.pool({ applicationName: 'billing' }),
    world.pool({ applicationName: 'reports' }),
  ]
  await holder.acquire('stuck', { label: 'a long job' })
  const waiting = waiter.acquire('stuck', { timeoutMs: 60_000 })
  waiting.catch(() => undefined)
  interface Report {
    readonly findings: { readonly text: string; readonly code: string; readonly endPid: number }[]
  }
  const findings = async (): Promise<Report['findings']> => {
    const ls = lockpool(['ls', '--json'], { url: world.database.url })
    await ls.ended
    return (JSON.parse(ls.out.toString()) as Report).findings
  }
  await expect
    .poll(findings, { timeout: 20_000, interval: 1000 })
    .toMatchObject([{ code: 'blocked', lock: { title: 'stuck' } }])
  const [finding] = await findings()
  expect(finding!.text).toMatch(
    /^billing \(pid \d+, client 127\.0\.0\.1\) blocks one other, for .* with stuck \(a long job\), held for \d/,
  )
  await Promise.all([holder.close({ graceMs: 0 }), waiter.close({ graceMs: 0 })])
})

test('a lock that is released and acquired again shows the age of the earlier one for a moment at most', async () => {
  const [holder, looker] = [world.pool(), world.pool()]
  const first = await holder.acquire('orders')
  const age = async (): Promise<number> => (await lockOf(looker, 'orders'))?.holders[0]?.atLeastMs ?? 0
  await expect.poll(age, { timeout: 15_000 }).toBeGreaterThan(2000)
  await first.release()
  const since = performance.now()
  await holder.acquire('orders')
  // The second lock cannot be older than the time since the release of the first one.
  const isOfTheFirst = async (): Promise<boolean> => (await age()) > performance.now() - since
  await expect.poll(isOfTheFirst, { timeout: 15_000 }).toBe(false)
  // A lock that has lasted for two seconds has its age in a report.
  await expect.poll(age, { timeout: 15_000 }).toBeGreaterThan(0)
  expect(await isOfTheFirst()).toBe(false)
  await holder.close({ graceMs: 0 })
})

test('a role without rights on the schema sees the lock, and nothing of its report', async () => {
  await world.database.query(`CREATE ROLE stranger LOGIN PASSWORD 'x'`)
  try {
    const url = new URL(world.database.url)
    url.username = 'stranger'
    url.password = 'x'
    const holder = world.pool()
    await holder.acquire('secret', { label: 'a secret label' })
    const stored = async (): Promise<number> =>
      (
        await world.database.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM lockpool.report WHERE content LIKE '%a secret label%'`,
        )
      ).rows[0]!.n
    await expect.poll(stored, { timeout: 15_000 }).toBe(1)
    const ls = lockpool(['ls', '--json'], { url: url.href })
    expect(await ls.ended).toBe(0)
    expect(ls.out.toString()).not.toMatch(/a secret label|"secret"/)
    await holder.close({ graceMs: 0 })
  } finally {
    await world.database.query('DROP ROLE stranger')
  }
})

test('a process that was started before lockpool install writes names, ages and labels from then on', async () => {
  await using database = await createDatabase()
  const running = world.pool({ connection: database.url })
  const held = await running.acquire('early', { label: 'from before' })
  const waiting = running.acquire('early', { label: 'behind it', timeoutMs: 120_000 })
  const install = lockpool(['install'], { url: database.url })
  expect(await install.ended).toBe(0)
  const who = async (): Promise<string> => {
    const command = lockpool(['who', 'early'], { url: database.url })
    await command.ended
    return command.out.toString()
  }
  await expect
    .poll(who, { timeout: 60_000, interval: 1000 })
    .toMatch(/label: from before[^]*label: behind it/)
  await held.release()
  await (await waiting).release()
  await running.close()
})
