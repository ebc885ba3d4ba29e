/** `lockpool`: locks in PostgreSQL. */
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
  type AcquirePhase,
  type DeadlockStep,
  type LockErrorCode,
} from './base/errors.js'
export type { ProcessName } from './dialect/session-report.js'
export type { LeaderInfo } from './dialect/leader.js'
export type { LockKey, LockMode } from './dialect/lock-key.js'
export type { Guardable, Queryable, QueryConfig, QueryResult } from './dialect/queryable.js'
export {
  lockIn,
  lockStatement,
  tryLockIn,
  type FreeLockStatementOptions,
  type LockInOptions,
} from './dialect/postgres/transaction/lock-in-without-pool.js'
export type {
  LockInClient,
  LockStatement,
  LockStatementOptions,
} from './dialect/postgres/transaction/lock-in.js'
export type {
  LockRowsOptions,
  LockTableOptions,
  LockTransaction,
  RowStrength,
  RowWait,
  TableLockMode,
  TransactionLockOptions,
} from './dialect/postgres/transaction/lock-transaction.js'
export type { KeyName, ServerSession } from './dialect/server-state.js'
export type { IsolationLevel, TransactionOptions } from './dialect/postgres/transaction/run-transaction.js'
export type { ConnectionEvents, PostgresConnection } from './dialect/postgres/connection/connection.js'
export type { ClientEvents } from './dialect/postgres/pool/emitting-pool.js'
export type { PostgresPool } from './dialect/postgres/pool/pool.js'
export type { LeasedConnection } from './dialect/postgres/pool/leased-connection.js'
export { hashName } from './dialect/postgres/keys/key.js'
export type { PostgresConfig } from './dialect/postgres/config/connection-config.js'
export type { LockHolder, LockWaiter, ServerLock, ServerLockKind } from './inspect/server-lock.js'
export type { Campaign, TermBody } from './lock/campaign/campaign.js'
export type { CampaignOptions, HandOverOptions, StepDownOptions } from './lock/campaign/campaign-options.js'
export type { CampaignState } from './lock/campaign/campaign-state.js'
export type { Term } from './lock/campaign/term.js'
export type { Lock } from './lock/handle/lock.js'
export type { LockEvents } from './lock/lock-events.js'
export type { LockGroup } from './lock/handle/lock-group.js'
export type { AcquireOptions, TryAcquireOptions } from './lock/acquire-options.js'
export type { Permit } from './lock/semaphore/permit.js'
export type { PermitOptions, Semaphore, TryPermitOptions } from './lock/semaphore/semaphore.js'
export type { SemaphoreSnapshot } from './lock/semaphore/semaphore-snapshot.js'
export type { PrimarySnapshot } from './lock/session/primary-watch.js'
export type { KeySnapshot, PoolSnapshot, SessionSnapshot } from './lock/snapshot.js'
export type { ConnectionPool } from './pool/connection-pool.js'
export type { Lease } from './pool/lease.js'
export type { PoolCounts, PoolEvents } from './pool/pool-events.js'
export type { OnExhausted } from './pool/pool-options.js'
export type { ConnectOptions } from './pool/connect-request.js'
export { LockPool, type LockPoolOptions } from './postgres-lock-pool.js'
