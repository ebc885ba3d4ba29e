/** `lockpool/testing`: a lock server in memory, a manual clock, and a seeded random generator. */
export type { Clock } from './base/clock.js'
export type { Random } from './base/random.js'
export { FakeLockPool } from './fake-lock-pool.js'
export type { FakeConnection } from './testing/fake-connection.js'
export type { FakeLockTable } from './testing/fake-lock-table.js'
export { FakeServer, type FakeServerOptions } from './testing/fake-server.js'
export { ManualClock, settle } from './testing/manual-clock.js'
export { SeededRandom } from './testing/seeded-random.js'
