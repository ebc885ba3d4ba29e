import type { Clock } from '../../../base/clock.js'
import { LockDeadlockError, TransactionFailedError } from '../../../base/errors.js'
import { onAbort } from '../../../base/on-abort.js'
import type { Random } from '../../../base/random.js'
import type { ConnectionPool } from '../../../pool/connection-pool.js'
import type { Lease } from '../../../pool/lease.js'
import {
  checkTransaction,
  matchesWithCauses,
  transactionTable,
  withRetries,
  type TransactionTable,
} from '../../transaction-retries.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { LockTransaction } from './lock-transaction.js'
import type { PostgresConnection } from '../connection/connection.js'
import { DEADLOCK_DETECTED, sqlState } from '../connection/server-errors.js'
import { PostgresTransaction, type LockedKeys, type TransactionContext } from './transaction.js'
import { BEGIN, beginStatement, COMMIT, ROLLBACK_TRANSACTION } from './transaction-sql.js'

/** See "Transaction Isolation" in PostgreSQL's documentation. */
export type IsolationLevel = keyof typeof BEGIN

/** How a transaction runs. */
export interface TransactionOptions {
  /** The isolation level, whatever the role's own default is. Default `'read committed'`. */
  readonly isolation?: IsolationLevel

  /**
   * How often the body is run again after a deadlock (LOCK_DEADLOCK, or 40P01 of a statement) or a serialization failure
   * (40001), in a new transaction and after a short, growing delay. All other effects of the body must then bear repetition.
   * A body that has ended its transaction itself is not run again.
   *
   * Default 0. From 0 to 100.
   */
  readonly retries?: number

  /** Ends the transaction at once: its connection is closed, and what it waits for or does at the server is canceled. */
  readonly signal?: AbortSignal
}

const OPTIONS: TransactionTable<IsolationLevel> = transactionTable(BEGIN, 'read committed')

const SERIALIZATION_FAILURE = '40001'

/** What a transaction needs from the pool. */
export interface TransactionHost extends TransactionContext {
  readonly pool: ConnectionPool<PostgresConnection>
  readonly clock: Clock
  readonly random: Random
  /** Runs `body` as a body in which these keys are held. */
  runInTransaction<T>(keys: LockedKeys, body: () => T): T
}

/** @see LockPool.transaction */
export async function runTransaction<T>(
  host: TransactionHost,
  body: (tx: LockTransaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const { isolation, retries, signal } = checkTransaction(body, options, OPTIONS)
  return withRetries(host, { retries, signal }, isCollision, (endedByBody) =>
    runOnce(host, body, isolation, signal, endedByBody),
  )
}

async function runOnce<T>(
  host: TransactionHost,
  body: (tx: LockTransaction) => Promise<T>,
  isolation: IsolationLevel,
  signal: AbortSignal | undefined,
  endedByBody: () => void,
): Promise<T> {
  const connection = await host.pool.connect(signal === undefined ? {} : { signal })
  const abort = (): void => connection.release(true)
  const unsubscribe = signal && onAbort(signal, abort)
  const direct = LeasedConnection.serverOf(connection)
  const tx = new PostgresTransaction(connection, direct, host)
  try {
    await direct.query(beginStatement(isolation, direct.hasClientCheck))
    const result = await host.runInTransaction(tx.locked, () => body(tx))
    await tx.end()
    tx.assertOpen()
    // Deferred constraints are checked at COMMIT. They may wait for locks without our timeout.
    tx.settle()
    await commit(direct)
    connection.release()
    return result
  } catch (error) {
    await tx.end()
    if (tx.isEndedByBody) {
      endedByBody()
      connection.release()
    } else await rollBack(connection, direct)
    throw error
  } finally {
    tx.over()
    unsubscribe?.()
  }
}

/** A transaction that has failed is rolled back by COMMIT, and the server does not call that an error. */
async function commit(direct: PostgresConnection): Promise<void> {
  let command: string
  try {
    command = (await direct.query(COMMIT)).command
  } catch (error) {
    // Deferred constraints and serialization failures are reported here; they have a SQLSTATE, a lost connection has none.
    if (sqlState(error) !== undefined) throw error
    const message = 'the connection was lost during COMMIT: whether it is committed is not known'
    throw new TransactionFailedError(message, true, { cause: error })
  }
  if (command === 'ROLLBACK') {
    const message = 'an error inside the transaction was swallowed: everything was rolled back'
    throw new TransactionFailedError(message, false)
  }
}

async function rollBack(connection: PostgresConnection & Lease, direct: PostgresConnection): Promise<void> {
  try {
    await direct.query(ROLLBACK_TRANSACTION)
    connection.release()
  } catch (error) {
    connection.release(error as Error)
  }
}

/**
 * Whether the same transaction may succeed when it runs again. The error itself decides, or the driver's or our error
 * among its causes.
 */
function isCollision(error: unknown): boolean {
  return matchesWithCauses(error, (cause) => {
    const state = sqlState(cause)
    const isServers = state === DEADLOCK_DETECTED || state === SERIALIZATION_FAILURE
    return isServers || cause instanceof LockDeadlockError
  })
}
