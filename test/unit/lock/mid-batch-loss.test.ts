import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { fakeWorld, stateOf, type FakeWorld } from '../../support/fake-world.js'

const KEYS = ['a', 'b', 'c', 'd', 'e']

/** Who is told of the second grant ends the session, as a listener may, while the answers of its batch are handed out. */
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

test('when the session ends while the answers of a batch are handed out, the rest of them count for nothing', async () => {
  const world = fakeWorld()
  const { locks, acquired } = await endingAtTheSecond(world)
  const waiting = KEYS.map((key) => locks.acquire(key, { timeoutMs: Infinity }))

  await world.clock.run(2000)

  expect(await Promise.all(waiting.map(stateOf)), 'each has been answered').toEqual(
    KEYS.map(() => 'fulfilled'),
  )
  const held = await Promise.all(waiting)
  expect(held.map(({ state }) => state)).toEqual(['lost', 'lost', 'held', 'held', 'held'])
  const [session] = locks.snapshot().sessions
  for (const key of ['c', 'd', 'e'])
    expect(world.server.table.holders(`/${key}`), 'by the new session').toEqual([
      { owner: session!.serverId, mode: 'exclusive' },
    ])
  expect(acquired).toEqual(KEYS)
})
