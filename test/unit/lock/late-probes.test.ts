import { expect, test } from 'vitest'
import { sleep } from '../../../src/base/clock.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const bells = (world: FakeWorld): FakeConnection[] =>
  [...world.server.connections].filter(({ handlers }) => handlers !== null)

/** What is heard on this connection from now on arrives only when the function is called. */
function holdBack(bell: FakeConnection): () => number {
  const handlers = bell.handlers!
  const late: (() => void)[] = []
  let probes = 0
  bell.handlers = {
    ...handlers,
    onWakeUp: (...heard) => late.push(() => handlers.onWakeUp(...heard)),
    onMessage: (...heard) => {
      probes++
      late.push(() => handlers.onMessage(...heard))
    },
  }
  return () => {
    bell.handlers = handlers
    for (const deliver of late) deliver()
    return probes
  }
}

test('a probe that comes back after a timeout broke its cycle refuses no waiter', async () => {
  const world = fakeWorld()
  const [one, other, third, fourth] = [world.pool(), world.pool(), world.pool(), world.pool()]
  // The latest of all waits searches for the cycle, and a process counts its callers.
  for (let i = 0; i < 5; i++) await (await one.acquire('before')).release()
  const others = rejection(
    other.withLock('2', async () => {
      await sleep(world.clock, 50)
      await other.acquire('1', { timeoutMs: 1050 })
    }),
  )
  await world.clock.run(1)
  const thirds = third.acquire('2', { timeoutMs: Infinity })
  const mine = one.withLock('1', async () => {
    await sleep(world.clock, 9)
    return one.withLock('2', { timeoutMs: Infinity }, () => 'had both')
  })
  await world.clock.run(5)
  const before = bells(world)
  await world.clock.run(30)
  const deliver = holdBack(bells(world).find((bell) => !before.includes(bell))!)

  await world.clock.run(1100)
  expect(await others, 'the circle is open').toMatchObject({ code: 'LOCK_TIMEOUT' })
  const lock = await thirds
  // Other processes hold and want the keys of the cycle as before. The server knows no more than that.
  const fourths = fourth.acquire('1', { timeoutMs: Infinity })
  await world.clock.run(20)
  expect(deliver(), 'its probe was on the way all the time').toBeGreaterThan(0)
  await world.clock.run(3000)

  expect(await stateOf(mine), 'it waits for a process that waits for nobody').toBe('pending')
  await Promise.all([lock.release(), world.clock.run(100)])
  expect(await mine).toBe('had both')
  expect(one.snapshot().counters.deadlocks).toBe(0)
  await world.clock.run(100)
  await (await fourths).release()
})
