import { expect, test } from 'vitest'
import { seeds } from './seeds.js'
import { Tangle } from './tangle.js'

/**
 * Goal: each refused waiter is in a cycle, and each cycle has a refused waiter.
 * Method: callers of several processes nest locks on random keys, some of them shared. The test records all holds and waits. A
 * failure names the seed, and SEED=<n> replays only that run.
 */
test('a program that nests locks in one order is never refused, whatever messages are lost', async () => {
  for (const seed of seeds(40)) {
    const tangle = new Tangle(seed, { isOrdered: true, notificationLoss: seed % 3 === 0 ? 0.3 : 0 })
    await tangle.run()
    expect(tangle.victims, `SEED=${seed}`).toBe(0)
  }
})

test('without an order all callers finish, and every refused waiter was in a cycle', async () => {
  let victims = 0
  for (const seed of seeds(40)) {
    const tangle = new Tangle(seed, { isOrdered: false, notificationLoss: seed % 4 === 0 ? 0.2 : 0 })
    await tangle.run()
    expect(tangle.innocent, `SEED=${seed}: refused without a cycle`).toEqual([])
    victims += tangle.victims
  }
  expect(victims).toBeGreaterThan(0)
})
