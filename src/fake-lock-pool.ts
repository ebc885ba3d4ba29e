import type { Clock } from './base/clock.js'
import type { Random } from './base/random.js'
import { resolveLockPoolOptions, type LockPoolOptions } from './lock/lock-pool-options.js'
import { LockPool } from './lock/lock-pool.js'
import type { FakeConnection } from './testing/fake-connection.js'
import type { FakeServer } from './testing/fake-server.js'

/** A LockPool on a server in memory: for tests of programs that lock, without a database. */
export class FakeLockPool extends LockPool<FakeConnection> {
  /** Pools on one server exclude each other, as the processes of a service do. */
  constructor(
    server: FakeServer,
    options: LockPoolOptions = {},
    ports: { readonly random?: Random; readonly clock?: Clock } = {},
  ) {
    const { factory, dialect } = server
    super(resolveLockPoolOptions(options), { clock: server.clock, ...ports, factory, dialect })
  }
}
