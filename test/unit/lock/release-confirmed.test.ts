import { expect, test } from 'vitest'
import { fakeWorld, stateOf } from '../../support/fake-world.js'

test.each([
  ['while the mark of a writer is being set', 1, 'exclusive'],
  ['while a reader joins', 1, 'shared'],
  ['with a reader who comes in the same turn of the event loop', 0, 'shared'],
  ['with a writer who comes in the same turn of the event loop', 0, 'exclusive'],
] as const)(
  'a release %s is confirmed by the server or by the next holder, and not before',
  async (_, delayMs, mode) => {
    const world = fakeWorld({ latencyMs: 20 })
    const locks = world.pool({ max: 3 })
    const reading = locks.acquire('report', { mode: 'shared' })
    await world.clock.run(500)
    const reader = await reading
    const next = locks.acquire('report', { mode, timeoutMs: Infinity })
    if (delayMs > 0) await world.clock.run(delayMs)

    const released = reader.release()
    let isConfirmed = false
    void released.then(() => (isConfirmed = true))
    for (let ms = 0; ms < 500; ms++) {
      await world.clock.run(1)
      const isGivenUp = world.server.table.size === 0 || (await stateOf(next)) === 'fulfilled'
      if (isConfirmed && !isGivenUp) expect.fail(`confirmed after ${ms} ms, and only the server has it`)
      if (isConfirmed) break
    }

    expect(isConfirmed).toBe(true)
    await world.clock.run(500)
    await Promise.all([(await next).release(), world.clock.run(500)])
  },
)
