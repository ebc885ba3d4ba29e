import { beforeAll, expect, test } from 'vitest'
import { CREATE_RELEASE_REQUESTS } from '../../src/dialect/postgres/records/release-request-sql.js'
import { CREATE_REPORTS } from '../../src/dialect/postgres/records/report-sql.js'
import {
  CREATE_KEY_NAMES,
  CREATE_OBJECTS,
  CREATE_SCHEMA,
} from '../../src/dialect/postgres/schema/schema-sql.js'
import { lockpool, script, type Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

function install(...more: readonly string[]): Promise<unknown> {
  return world.database.query([CREATE_SCHEMA, ...CREATE_OBJECTS, CREATE_KEY_NAMES, ...more].join(';'))
}

beforeAll(() => install(CREATE_REPORTS, CREATE_RELEASE_REQUESTS))

function run(...args: string[]): Started {
  return lockpool(args, { url: world.database.url })
}

/**
 * A separate program with two locks and a permit. It releases a lock when another process requests that, unless
 * STUBBORN is set.
 */
const HOLDER = `
  import { LockPool } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
  const locks = new LockPool({ connection: process.env.URL, applicationName: 'billing', max: 2 })
  locks.on('lock:requested', ({ key, reason }) => console.log('asked for', key, 'because', reason))
  const held = [await locks.acquire('month end'), await locks.acquire('other'), await locks.semaphore('pdf', 2).acquire()]
  for (const lock of held)
    if (process.env.STUBBORN !== 'yes') lock.requested.addEventListener('abort', () => lock.release())
  console.log('held')
  setInterval(() => console.log(held.map(({ state }) => state).join(' ')), 100)`

test('a holder that is asked releases the one lock, and keeps the others and its session', async () => {
  const holder = script(HOLDER, { URL: world.database.url })
  await expect.poll(() => holder.out.toString(), { timeout: 30_000 }).toContain('held')

  const asked = run('break', 'month end', '--ask', '--reason', 'it is late', '--wait', '60s')
  expect(await asked.ended, asked.err).toBe(0)
  expect(asked.out.toString()).toMatch(/month end was released\n$/)
  await expect.poll(() => holder.out.toString()).toContain('asked for month end because it is late')
  await expect.poll(() => holder.out.toString()).toContain('released held held')

  const permit = run('break', 'pdf', '--semaphore', '--ask', '--wait', '60s', '--json')
  expect(await permit.ended, permit.err).toBe(0)
  expect(JSON.parse(permit.out.toString())).toMatchObject({
    asked: [expect.any(Number)],
    keeping: [],
    ended: [],
  })
  await expect.poll(() => holder.out.toString()).toContain('released held released')
  expect(holder.out.toString()).not.toContain('lost')
  holder.kill('SIGKILL')
  await holder.ended
})

test('a holder that keeps the lock is named, and with --force its session is ended', async () => {
  const holder = script(HOLDER, { URL: world.database.url, STUBBORN: 'yes' })
  await expect.poll(() => holder.out.toString(), { timeout: 30_000 }).toContain('held')

  const asked = run('break', 'month end', '--ask', '--wait', '8s')
  expect(await asked.ended, asked.err).toBe(1)
  expect(asked.out.toString()).toMatch(/billing .* has read the request, and still holds it\n$/)
  const forced = run('break', 'month end', '--ask', '--wait', '0s', '--force')
  expect(await forced.ended, forced.err).toBe(0)
  expect(forced.out.toString()).toMatch(/has not read the request\nsession \d+ has ended\n/)
  await expect.poll(() => holder.out.toString()).toContain('lost lost lost')
  holder.kill('SIGKILL')
  await holder.ended
  expect(await world.database.query('SELECT * FROM lockpool.release_request')).toMatchObject({ rows: [] })
})

test('a request to an earlier session of the same number, and one for another lock, change nothing', async () => {
  const locks = world.pool()
  const heard: unknown[] = []
  locks.on('lock:requested', (event) => heard.push(event))
  const lock = await locks.acquire('orders')
  const [session] = locks.snapshot().sessions
  const { id } = (await locks.inspect()).find(({ holders }) => holders.length > 0)!
  for (const [begun, key] of [
    ['2000-01-01', id],
    ['now()', '5'],
  ])
    await world.database.query(
      `INSERT INTO lockpool.release_request SELECT ${session!.serverId}, ${begun === 'now()' ? `(SELECT backend_start FROM pg_stat_activity WHERE pid = ${session!.serverId})` : `'${begun}'`}, '${key}', 0, null, now()`,
    )
  const left = async (): Promise<number> =>
    ((await world.database.query('SELECT FROM lockpool.release_request')) as { rowCount: number }).rowCount
  await expect.poll(left, { timeout: 20_000 }).toBe(0)

  expect({ heard, state: lock.state, isAsked: lock.requested.aborted }).toEqual({
    ...{ heard: [], state: 'held', isAsked: false },
  })
  await lock.release()
})

test('without the table, or for a lock without a holder, the answer says so', async () => {
  const free = run('break', 'nothing', '--ask')
  expect(await free.ended).toBe(1)
  const stray = run('break', 'orders', '--force')
  expect(await stray.ended).toBe(64)
  expect(stray.err).toMatch(/--force needs --ask/)

  const lock = await world.pool().acquire('orders')
  await world.database.query('DROP TABLE lockpool.release_request')
  const asked = run('break', 'orders', '--ask')
  expect(await asked.ended).toBe(69)
  expect(asked.err).toMatch(/there is no table lockpool\.release_request/)
  expect(lock.state).toBe('held')
  await lock.release()
})
