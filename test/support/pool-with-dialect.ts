import type { Dialect } from '../../src/dialect/dialect.js'
import { resolveLockPoolOptions } from '../../src/lock/lock-pool-options.js'
import { LockPool } from '../../src/lock/lock-pool.js'
import type { FakeConnection } from '../../src/testing/fake-connection.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'

interface AlteredWorld {
  readonly clock: ManualClock
  readonly server: FakeServer
  readonly locks: LockPool<FakeConnection>
}

/** A pool on a server in memory, with a dialect that differs in parts from that of the server. */
export function poolWithDialect(
  alter: (server: FakeServer) => Partial<Dialect<FakeConnection>>,
  max = 2,
): AlteredWorld {
  const clock = new ManualClock()
  const server = new FakeServer({ clock })
  const locks = new LockPool(resolveLockPoolOptions({ max }), {
    factory: server.factory,
    dialect: { ...server.dialect, ...alter(server) },
    clock,
    random: new SeededRandom(1),
  })
  return { clock, server, locks }
}
