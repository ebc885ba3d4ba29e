/** `lockpool/advanced`: types that programs rarely name: parts of options, snapshots, events and inspections. */
export type { AcquirePhase, DeadlockStep } from './base/errors.js'
export type { ProcessName } from './dialect/session-report.js'
export type { LeaderInfo } from './dialect/leader.js'
export type { Guardable, QueryConfig, QueryResult } from './dialect/queryable.js'
export type {
  FreeLockStatementOptions,
  LockInOptions,
} from './dialect/postgres/transaction/lock-in-without-pool.js'
export type { LockInClient, LockStatementOptions } from './dialect/postgres/transaction/lock-in.js'
export type {
  LockRowsOptions,
  LockTableOptions,
  RowStrength,
  RowWait,
  TransactionLockOptions,
} from './dialect/postgres/transaction/lock-transaction.js'
export type { KeyName, ServerSession } from './dialect/server-state.js'
export type { IsolationLevel } from './dialect/postgres/transaction/run-transaction.js'
export type { ConnectionEvents } from './dialect/postgres/connection/connection.js'
export type { ClientEvents } from './dialect/postgres/pool/emitting-pool.js'
export type { PostgresPool } from './dialect/postgres/pool/pool.js'
export type { LeasedConnection } from './dialect/postgres/pool/leased-connection.js'
export type { LockHolder, LockWaiter, ServerLockKind } from './inspect/server-lock.js'
export type { LockInJson } from './lock/handle/lock.js'
export type { PermitInJson } from './lock/semaphore/permit.js'
export type { TermBody } from './lock/campaign/campaign.js'
export type { HandOverOptions, StepDownOptions } from './lock/campaign/campaign-options.js'
export type { CampaignState } from './lock/campaign/campaign-state.js'
export type { TryAcquireOptions } from './lock/acquire-options.js'
export type { PermitOptions, TryPermitOptions } from './lock/semaphore/semaphore.js'
export type { SemaphoreSnapshot } from './lock/semaphore/semaphore-snapshot.js'
export type { PrimarySnapshot } from './lock/session/primary-watch.js'
export type { KeySnapshot, SessionSnapshot } from './lock/snapshot.js'
export type { PoolCounts, PoolEvents } from './pool/pool-events.js'
export type { OnExhausted } from './pool/pool-options.js'
export type { ConnectOptions } from './pool/connect-request.js'
export type { KeyStateName, ListenerState, SemaphoreStateName, SessionStateName } from './lock/state-names.js'
