import { expect, test, vi } from 'vitest'
import type { LockLink } from '../../../src/dialect/dialect.js'
import type { ServerName } from '../../../src/dialect/server-name.js'
import { relationTo } from '../../../src/lock/session/primary-watch.js'
import type { LockPoolOptions } from '../../../src/lock/lock-pool-options.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'

const FIRST: ServerName = { host: 'a:5432', timeline: 3, system: '77', started: '1.5', instance: null }

test.each<[string, Partial<ServerName>, ReturnType<typeof relationTo>]>([
  ['the same', {}, 'same'],
  ['the same by another way', { host: 'balancer:5432' }, 'same'],
  ['a restart', { started: '2.5' }, 'same'],
  ['a promotion', { host: 'b:5432', timeline: 4, started: '2.5' }, 'promoted'],
  ['a promotion behind a balancer', { timeline: 4 }, 'promoted'],
  ['an old primary', { timeline: 2 }, 'returned'],
  ['another cluster', { system: '78', timeline: 4 }, 'stranger'],
  ['a cluster that is not told', { system: null, timeline: 4 }, 'promoted'],
  ['no timeline, another host, another start', { host: 'b', timeline: null, started: '2' }, 'promoted'],
  ['no timeline, another host', { host: 'b', timeline: null }, 'same'],
  ['no timeline, a restart', { timeline: null, started: '2' }, 'same'],
  ['one that has told no name for itself', { timeline: null, instance: 'db1' }, 'same'],
])('how a server stands to the one before: %s', (_, change, expected) => {
  expect(relationTo(FIRST, { ...FIRST, ...change })).toBe(expected)
})

test('servers with names of their own are distinguished by these, wherever they are', () => {
  const one: ServerName = { host: 'vip:3306', timeline: null, system: null, started: null, instance: 'db1' }
  expect(relationTo(one, one)).toBe('same')
  expect(relationTo(one, { ...one, host: 'other:3306' })).toBe('same')
  expect(relationTo(one, { ...one, instance: 'db2' })).toBe('promoted')
  expect(relationTo(one, { ...one, instance: null })).toBe('same')
})

/** A pool whose server can change before the next attach, with the events and warnings that the pool emits. */
function poolOn(options: LockPoolOptions = {}) {
  const world = fakeWorld()
  let server = FIRST
  const { dialect } = world.server
  const attach = dialect.attach.bind(dialect)
  vi.spyOn(dialect, 'attach').mockImplementation(async (...details) => {
    const link = await attach(...details)
    return Object.defineProperty<LockLink>(link, 'server', { value: server })
  })
  const pool = world.pool(options)
  const changes: unknown[] = []
  const warnings: string[] = []
  pool.on('primary:changed', (event) => changes.push(event))
  pool.on('warning', ({ message }) => warnings.push(message))
  const failOver = async (to: Partial<ServerName>, downMs: number): Promise<void> => {
    world.server.stop()
    await world.clock.run(downMs)
    server = { ...FIRST, ...to }
    world.server.start()
  }
  return { world, pool, changes, warnings, failOver }
}

test('a failover is reported with the new primary, and the time without one', async () => {
  const { world, pool, changes, warnings, failOver } = poolOn()
  expect(pool.snapshot().primary).toBeNull()
  await pool.acquire('a')
  expect(changes).toEqual([])

  await failOver({ host: 'b:5432', timeline: 4, started: '2' }, 4000)
  const waiting = pool.acquire('b', { timeoutMs: 10_000 })
  await world.clock.run(2000)
  await waiting
  expect(changes).toEqual([{ host: 'b:5432', timeline: 4, downMs: expect.any(Number) }])
  const { downMs } = changes[0] as { downMs: number }
  expect(downMs).toBeGreaterThanOrEqual(4000)
  expect(downMs).toBeLessThan(6000)
  expect(pool.snapshot().primary).toEqual({ host: 'b:5432', timeline: 4, changes: 1, downMs })
  expect(warnings).toEqual([])
})

test('a restart in place is no change', async () => {
  const { world, pool, changes, failOver } = poolOn()
  await pool.acquire('a')
  await failOver({ started: '9' }, 1000)
  const waiting = pool.acquire('b', { timeoutMs: 10_000 })
  await world.clock.run(3000)
  await waiting
  expect(changes).toEqual([])
  expect(pool.snapshot().primary).toMatchObject({ changes: 0, downMs: 0 })
})

test('an old primary that comes back is warned of', async () => {
  const { world, pool, changes, warnings, failOver } = poolOn()
  await pool.acquire('a')
  await failOver({ timeline: 2 }, 1000)
  const waiting = pool.acquire('b', { timeoutMs: 10_000 })
  await world.clock.run(3000)
  await waiting
  expect(changes).toHaveLength(1)
  expect(warnings).toEqual([expect.stringContaining('back on timeline 2, after 3')])
})

test('another cluster is refused, and callers that wait for the server get the error at once', async () => {
  const { world, pool, changes, failOver } = poolOn()
  await pool.acquire('a')
  await failOver({ host: 'copy:5432', system: '78' }, 1000)
  const refused = rejection(pool.acquire('b', { timeoutMs: 60_000 }))
  await world.clock.run(3000)
  expect(await refused).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
  expect((await refused).message).toContain('another database cluster (78) than a:5432 before (77)')
  expect(changes).toEqual([])
})

test('another cluster may be allowed', async () => {
  const { world, pool, changes, failOver } = poolOn({ otherCluster: 'allow' })
  await pool.acquire('a')
  await failOver({ host: 'copy:5432', system: '78', timeline: 1 }, 1000)
  const waiting = pool.acquire('b', { timeoutMs: 60_000 })
  await world.clock.run(3000)
  await waiting
  expect(changes).toEqual([expect.objectContaining({ host: 'copy:5432', timeline: 1 })])
})
