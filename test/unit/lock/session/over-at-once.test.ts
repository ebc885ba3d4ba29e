import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import { fakeWorld, type FakeWorld } from '../../../support/fake-world.js'

/** The session events that listeners get. */
function storyOf(locks: FakeLockPool): string[] {
  const story: string[] = []
  locks.on('session:lost', ({ session }) => story.push(`lost ${session}`))
  locks.on('session:opened', ({ session }) => story.push(`opened ${session}`))
  return story
}

function endSessions(world: FakeWorld, locks: FakeLockPool): void {
  for (const { serverId } of locks.snapshot().sessions) world.server.end(world.server.connection(serverId))
}

/** Closes the pool, and returns the number of timers before a lease is over. */
async function timersLeft(world: FakeWorld, locks: FakeLockPool): Promise<number> {
  await Promise.all([locks.close({ graceMs: 0 }), world.clock.run(100)])
  return world.clock.armed
}

test('a session that a listener of its opening ends leaves no timer', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2, leaseMs: 60_000 })
  let isFirst = true
  locks.on('session:opened', () => {
    if (isFirst) endSessions(world, locks)
    isFirst = false
  })
  const lock = locks.acquire('orders', { timeoutMs: 5000 })
  await world.clock.run(1000)

  expect((await lock).state).toBe('held')
  expect(await timersLeft(world, locks)).toBe(0)
})

test('a session that ends before it is known is never reported as opened, and leaves no timer', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2, leaseMs: 60_000 })
  const story = storyOf(locks)
  const lock = locks.acquire('orders', { timeoutMs: 5000 })
  // The session ends after it was made, and before the pool reports it as opened.
  while (locks.snapshot().sessions.length === 0) await Promise.resolve()
  endSessions(world, locks)
  await world.clock.run(1000)

  expect((await lock).state, 'by the next one').toBe('held')
  expect(story).toEqual(['lost 1', 'opened 2'])
  expect(await timersLeft(world, locks)).toBe(0)
})
