import { expect, test } from 'vitest'
import { fakeWorld, rejection } from '../../support/fake-world.js'

test.each([
  ['of this process', 0],
  ['of another process', 1],
])(
  'close refuses all who wait for a holder %s at once, writers and readers alike, in whatever order they came',
  async (_, holder) => {
    const world = fakeWorld()
    const pools = [world.pool(), world.pool()] as const
    const [closes] = pools
    const lock = await pools[holder]!.acquire('report')
    const modes = ['shared', 'exclusive', 'shared', 'shared', 'exclusive', 'shared'] as const
    const refused: string[] = []
    for (const [i, mode] of modes.entries()) {
      void rejection(closes.acquire('report', { mode, timeoutMs: Infinity })).then((error) =>
        refused.push(`${i} ${mode} ${String(error['code'])}`),
      )
    }
    await world.clock.run(100)

    const closing = closes.close({ graceMs: 60_000 })
    await world.clock.run(10)

    expect(refused.toSorted()).toEqual(modes.map((mode, i) => `${i} ${mode} POOL_CLOSED`))
    expect(closes.snapshot().waiting).toBe(0)
    await lock.release()
    await world.clock.run(60_100)
    await closing
  },
)

test('a reader who waits behind readers for a writer is refused by close as well', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const reading = await locks.acquire('report', { mode: 'shared' })
  const waiting = [
    locks.acquire('report', { timeoutMs: Infinity }),
    locks.acquire('report', { mode: 'shared', timeoutMs: Infinity }),
  ].map(rejection)
  await world.clock.run(100)

  const closing = locks.close({ graceMs: 60_000 })
  await world.clock.run(10)

  expect((await Promise.all(waiting)).map((error) => error['code'])).toEqual(['POOL_CLOSED', 'POOL_CLOSED'])
  await reading.release()
  await world.clock.run(10)
  await closing
})
