import type { Clock } from './base/clock.js'
import { InvalidOptionError } from './base/errors.js'
import { show } from './base/options.js'
import type { Random } from './base/random.js'
import { resolveLockPoolOptions, type LockPoolOptions } from './lock/lock-pool-options.js'
import { LockPool } from './lock/lock-pool.js'
import type { FakeConnection } from './testing/fake-connection.js'
import { FakeServer } from './testing/fake-server.js'

/** A LockPool on a server in memory: for tests of programs that lock, without a database. */
export class FakeLockPool extends LockPool<FakeConnection> {
  /** The server in memory that has the locks. */
  readonly server: FakeServer

  /**
   * Pools on one server exclude each other, as the processes of a service do. Without `server`, the pool gets a server that
   * no other pool uses.
   *
   * @throws {InvalidOptionError} `server` is not a FakeServer, or an option is wrong
   */
  constructor(
    server: FakeServer = new FakeServer(),
    options: LockPoolOptions = {},
    ports: { readonly random?: Random; readonly clock?: Clock } = {},
  ) {
    if (!(server instanceof FakeServer))
      throw new InvalidOptionError([
        `the first argument of FakeLockPool must be a FakeServer or left out, got ${show(server)}; options are the second`,
      ])
    const { factory, dialect } = server
    super(resolveLockPoolOptions(options), { clock: server.clock, ...ports, factory, dialect })
    this.server = server
  }
}
