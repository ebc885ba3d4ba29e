import { afterEach, expect } from 'vitest'
import { FakeLockPool } from '../../src/fake-lock-pool.js'
import type { LockPoolOptions } from '../../src/lock/lock-pool-options.js'
import { FakeServer, type FakeServerOptions } from '../../src/testing/fake-server.js'
import { ManualClock, settle } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'

/** A server in memory, a clock that only tests advance, and pools that each represent a process. */
export class FakeWorld {
  readonly clock: ManualClock = new ManualClock()
  readonly server: FakeServer
  readonly #pools: FakeLockPool[] = []
  #seed = 1

  constructor(options: Omit<FakeServerOptions, 'clock'> = {}) {
    this.server = new FakeServer({ clock: this.clock, ...options })
  }

  /** A pool that represents another process. It shares the clock of the world unless it gets its own. */
  pool(options: LockPoolOptions = {}, clock: ManualClock = this.clock): FakeLockPool {
    const pool = new FakeLockPool(this.server, options, { clock, random: new SeededRandom(this.#seed++) })
    this.#pools.push(pool)
    return pool
  }

  /** Closes everything, and checks that no session, lock or timer is left. */
  async end(): Promise<void> {
    const closing = Promise.all(this.#pools.map((pool) => pool.close({ graceMs: 0 })))
    for (let i = 0; i < 40; i++) await this.clock.run(500)
    await closing
    expect({
      connections: this.server.connections.size,
      locks: this.server.table.size,
      timers: this.clock.armed,
    }).toEqual({ connections: 0, locks: 0, timers: 0 })
  }
}

const worlds: FakeWorld[] = []

/** A world that is closed and checked for leaks after the test. */
export function fakeWorld(options: Omit<FakeServerOptions, 'clock'> = {}): FakeWorld {
  const world = new FakeWorld(options)
  worlds.push(world)
  return world
}

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end()
})

/** The state of a promise, without waiting for it. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'fulfilled' | 'rejected'> {
  await settle()
  let state: 'pending' | 'fulfilled' | 'rejected' = 'pending'
  promise.then(
    () => (state = 'fulfilled'),
    () => (state = 'rejected'),
  )
  await settle()
  return state
}

/** Returns the reason of the rejection. Until then the rejection counts as handled. */
export function rejection(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  return promise.then(
    (value) => {
      throw new Error(`expected a rejection, got ${String(value)}`)
    },
    (error: Error & Record<string, unknown>) => error,
  )
}
