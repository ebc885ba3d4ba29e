import { expect, test } from 'vitest'
import type { Permit } from '../../../../src/lock/semaphore/permit.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

/** How long after `cause` the caller gets its permit. It has waited for five seconds, so it polls only about once a second. */
async function msUntilServed(world: FakeWorld, waiting: Promise<Permit>, cause: () => void): Promise<number> {
  await world.clock.run(5000)
  expect(await stateOf(waiting), 'before').toBe('pending')
  const since = world.clock.now()
  let servedAt = Infinity
  void waiting.then(() => (servedAt = world.clock.now()))
  cause()
  await world.clock.run(3000)
  return servedAt - since
}

test('a permit whose release fails is still free, and waiters in other processes are woken', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool().semaphore('jobs', 1), world.pool().semaphore('jobs', 1)]

  // The test has three rounds, because in one of them the waiter's own poll might come just then.
  for (let round = 0; round < 3; round++) {
    const permit = await a.acquire()
    const waiting = b.acquire({ timeoutMs: Infinity })

    const ms = await msUntilServed(world, waiting, () => {
      world.server.failNextBatch(0)
      void permit.release()
    })

    expect(ms, `round ${round}`).toBeLessThan(20)
    await (await waiting).release()
  }
})

test('a waiter for a permit still gets the wake-up after another batch of its session has failed', async () => {
  const world = fakeWorld()
  const [holds, waits] = [world.pool(), world.pool({ max: 2 })]

  for (let round = 0; round < 3; round++) {
    const permit = await holds.semaphore('jobs', 1).acquire()
    const waiting = waits.semaphore('jobs', 1).acquire({ timeoutMs: Infinity })
    await world.clock.run(1000)
    world.server.failNextBatch(0)
    await rejection(waits.acquire('orders'))
    expect(await stateOf(waiting)).toBe('pending')
    // The waiter's own polls would set its registration again, so the release must come before the next poll.
    const since = world.clock.now()
    let servedAt = Infinity
    void waiting.then(() => (servedAt = world.clock.now()))

    await Promise.all([permit.release(), world.clock.run(3000)])

    expect(servedAt - since, `round ${round}`).toBeLessThan(20)
    await (await waiting).release()
  }
})
