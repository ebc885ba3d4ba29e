/** `lockpool/mysql`: locks in MariaDB and MySQL. It needs the package `mysql2`. */
export {
  BackendMismatchError,
  ConnectionError,
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
  type AcquirePhase,
  type DeadlockStep,
  type LockErrorCode,
} from './base/errors.js'
export type { LeaderInfo } from './dialect/leader.js'
export type { LockKey, LockMode } from './dialect/lock-key.js'
export type { LeasedConnection } from './dialect/mysql/pool/leased-connection.js'
export type {
  LockRowsOptions,
  LockTransaction,
  RowStrength,
  RowWait,
  TransactionLockOptions,
} from './dialect/mysql/transaction/lock-transaction.js'
export type { MysqlConfig } from './dialect/mysql/config/connection-config.js'
export type { MysqlConnection } from './dialect/mysql/connection/connection.js'
export type { MysqlPool } from './dialect/mysql/pool/pool.js'
export type { IsolationLevel, TransactionOptions } from './dialect/mysql/transaction/run-transaction.js'
export type { Guardable } from './dialect/queryable.js'
export type { ServerLock } from './inspect/server-lock.js'
export type { AcquireOptions, TryAcquireOptions } from './lock/acquire-options.js'
export type { Campaign, TermBody } from './lock/campaign/campaign.js'
export type { CampaignOptions, HandOverOptions, StepDownOptions } from './lock/campaign/campaign-options.js'
export type { CampaignState } from './lock/campaign/campaign-state.js'
export type { Term } from './lock/campaign/term.js'
export type { Lock } from './lock/handle/lock.js'
export type { LockEvents } from './lock/lock-events.js'
export type { LockGroup } from './lock/handle/lock-group.js'
export type { Permit } from './lock/semaphore/permit.js'
export type { PermitOptions, Semaphore, TryPermitOptions } from './lock/semaphore/semaphore.js'
export type { SemaphoreSnapshot } from './lock/semaphore/semaphore-snapshot.js'
export type { KeySnapshot, PoolSnapshot, SessionSnapshot } from './lock/snapshot.js'
export { LockPool, type LockPoolOptions } from './mysql-lock-pool.js'
export type { ConnectOptions } from './pool/connect-request.js'
export type { ConnectionPool } from './pool/connection-pool.js'
export type { Lease } from './pool/lease.js'
export type { PoolCounts, PoolEvents } from './pool/pool-events.js'
export type { OnExhausted } from './pool/pool-options.js'
