/** `lockpool`: locks in PostgreSQL. Types that programs rarely name are in `lockpool/advanced`. */
export {
  ConnectionError,
  BackendMismatchError,
  FencingUnavailableError,
  InvalidKeyError,
  InvalidOptionError,
  LockDeadlockError,
  LockError,
  LockLostError,
  LockReentryError,
  LockTableFullError,
  LockTimeoutError,
  ModeUnsupportedError,
  PoolClosedError,
  PoolerDetectedError,
  PoolExhaustedError,
  PoolSaturatedError,
  StaleTokenError,
  StrictUnavailableError,
  TransactionFailedError,
  type LockErrorCode,
} from './base/errors.js'
export type { LockKey, LockMode } from './dialect/lock-key.js'
export type { Queryable } from './dialect/queryable.js'
export { lockIn, lockStatement, tryLockIn } from './dialect/postgres/transaction/lock-in-without-pool.js'
export type { LockStatement } from './dialect/postgres/transaction/lock-in.js'
export type { LockTransaction, TableLockMode } from './dialect/postgres/transaction/lock-transaction.js'
export type { TransactionOptions } from './dialect/postgres/transaction/run-transaction.js'
export type { PostgresConnection } from './dialect/postgres/connection/connection.js'
export { hashName } from './dialect/postgres/keys/key.js'
export type { PostgresConfig } from './dialect/postgres/config/connection-config.js'
export type { ServerLock } from './inspect/server-lock.js'
export type { Campaign } from './lock/campaign/campaign.js'
export type { CampaignOptions } from './lock/campaign/campaign-options.js'
export type { Term } from './lock/campaign/term.js'
export type { Lock } from './lock/handle/lock.js'
export type { LockEvents } from './lock/lock-events.js'
export type { LockGroup } from './lock/handle/lock-group.js'
export type { AcquireOptions } from './lock/acquire-options.js'
export type { Permit } from './lock/semaphore/permit.js'
export type { Semaphore } from './lock/semaphore/semaphore.js'
export type { PoolSnapshot } from './lock/snapshot.js'
export type { ConnectionPool } from './pool/connection-pool.js'
export type { Lease } from './pool/lease.js'
export { LockPool, type LockPoolOptions } from './postgres-lock-pool.js'
