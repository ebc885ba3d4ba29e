import { expect, test } from 'vitest'
import { seeds } from './seeds.js'
import { Tangle } from './tangle.js'

/**
 * Goal: no victim without a circle, no circle without a victim.
 * Method: callers of several processes take random keys inside each other, some of them to read, and what everybody holds
 * and waits for is written down by the test. A failure names the seed; SEED=<n> replays that run alone.
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
    expect(tangle.innocent, `SEED=${seed}: refused without a circle`).toEqual([])
    victims += tangle.victims
  }
  expect(victims).toBeGreaterThan(0)
})
