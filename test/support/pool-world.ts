import { afterEach, expect } from 'vitest'
import type { ConnectionFactory } from '../../src/pool/connection-factory.js'
import { ConnectionPool } from '../../src/pool/connection-pool.js'
import type { PoolOptions } from '../../src/pool/pool-options.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { StubFactory, type Stub } from './stub-factory.js'

export interface PoolWorld<F> {
  readonly pool: ConnectionPool<Stub>
  readonly clock: ManualClock
  readonly factory: F
}

/**
 * Makes pools of stubs, with a clock that only tests advance. After each test no timer and no connection may be left.
 */
export function poolWorld(): {
  (options?: PoolOptions): PoolWorld<StubFactory>
  <F extends ConnectionFactory<Stub>>(options: PoolOptions, factory: F): PoolWorld<F>
} {
  const made: { pool: ConnectionPool<Stub>; clock: ManualClock; factory: ConnectionFactory<Stub> }[] = []

  afterEach(async () => {
    for (const { pool, clock, factory } of made.splice(0)) {
      if (factory instanceof StubFactory) factory.closing = Promise.resolve()
      const closing = pool.close({ graceMs: 0 })
      await clock.run(20_000)
      await closing
      expect(clock.armed, 'timers').toBe(0)
      expect(pool.totalCount).toBe(0)
    }
  })

  return (options: PoolOptions = {}, factory: ConnectionFactory<Stub> = new StubFactory()) => {
    const clock = new ManualClock()
    const pool = new ConnectionPool(factory, options, { clock, random: new SeededRandom(1) })
    const world = { pool, clock, factory }
    made.push(world)
    return world as PoolWorld<never>
  }
}
