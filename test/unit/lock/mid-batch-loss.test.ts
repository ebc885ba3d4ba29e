import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { fakeWorld, stateOf, type FakeWorld } from '../../support/fake-world.js'

const KEYS = ['a', 'b', 'c', 'd', 'e']

/** A pool with an event listener that ends the session at the second grant of a batch. */
async function endingAtTheSecond(world: FakeWorld): Promise<{ locks: FakeLockPool; acquired: string[] }> {
  const locks = world.pool({ max: 2 })
  await locks.ready()
  const [first] = locks.snapshot().sessions
  const acquired: string[] = []
  locks.on('lock:acquired', ({ key }) => {
    acquired.push(key)
    if (acquired.length === 2) world.server.end(world.server.connection(first!.serverId))
  })
  return { locks, acquired }
}

test('a listener that ends the session at an event ends all grants of its batch', async () => {
  const world = fakeWorld()
  const { locks, acquired } = await endingAtTheSecond(world)
  const waiting = KEYS.map((key) => locks.acquire(key, { timeoutMs: Infinity }))

  await world.clock.run(2000)

  expect(await Promise.all(waiting.map(stateOf)), 'each has been answered').toEqual(
    KEYS.map(() => 'fulfilled'),
  )
  const held = await Promise.all(waiting)
  expect(held.map(({ state }) => state)).toEqual(KEYS.map(() => 'lost'))
  for (const { signal } of held) expect(signal.aborted).toBe(true)
  expect(world.server.table.heldIds).toEqual([])
  expect(acquired).toEqual(KEYS)
})
