/** `lockpool/pool`: the connection pool on its own, for any kind of connection. */
export {
  ConnectionError,
  InvalidOptionError,
  LockError,
  LockTimeoutError,
  PoolClosedError,
  PoolExhaustedError,
  PoolSaturatedError,
} from '../base/errors.js'
export type { ConnectionFactory, Progress } from './connection-factory.js'
export { ConnectionPool, type PoolPorts } from './connection-pool.js'
export type { Lease } from './lease.js'
export type { CloseReason, PoolCounts, PoolEvents } from './pool-events.js'
export type { OnExhausted, PoolOptions } from './pool-options.js'
export type { ConnectOptions } from './connect-request.js'
