import { LockDeadlockError, TransactionFailedError } from '../../../base/errors.js'
import { onAbort } from '../../../base/on-abort.js'
import type { Random } from '../../../base/random.js'
import {
  checkTransaction,
  matchesWithCauses,
  transactionTable,
  withRetries,
  type TransactionTable,
} from '../../transaction-retries.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { LockTransaction } from './lock-transaction.js'
import { DEADLOCK, errorNumber } from '../connection/server-errors.js'
import type { MysqlPool } from '../pool/pool.js'
import { MysqlTransaction, type HeldLock, type TransactionContext } from './transaction.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { BEGIN, COMMIT, ISOLATION, ROLLBACK } from '../connection/transaction-sql.js'

/** See "Transaction Isolation Levels" in the documentation of InnoDB. */
export type IsolationLevel = keyof typeof ISOLATION

/** The options of a transaction. */
export interface TransactionOptions {
  /** The isolation level, whatever the server's own default is. Default `'repeatable read'`. */
  readonly isolation?: IsolationLevel

  /**
   * How often the body is run again after a deadlock (LOCK_DEADLOCK, or error 1213 of a statement), in a new
   * transaction and after a short, growing delay. All other effects of the body must then bear repetition. A body that
   * has ended its transaction itself is not run again.
   *
   * Default 0. From 0 to 100.
   */
  readonly retries?: number

  /** Ends the transaction at once: its connection is closed, and what it waits for or does at the server is ended. */
  readonly signal?: AbortSignal
}

const OPTIONS: TransactionTable<IsolationLevel> = transactionTable(ISOLATION, 'repeatable read')

/** What a transaction needs from the pool. */
export interface TransactionHost extends TransactionContext {
  readonly pool: MysqlPool
  readonly random: Random
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
  const unsubscribe = signal && onAbort(signal, () => connection.release(true))
  const server = LeasedConnection.serverOf(connection)
  const tx = new MysqlTransaction(connection, server, host, signal)
  try {
    server.isUsed = true
    await server.say(ISOLATION[isolation])
    await server.say(BEGIN)
    const result = await body(tx)
    await tx.end()
    tx.assertOpen()
    await commit(server, tx)
    connection.release()
    return result
  } catch (error) {
    await tx.end()
    if (tx.isEndedByBody) endedByBody()
    await server.say(ROLLBACK).then(
      () => connection.release(),
      (failure: Error) => connection.release(failure),
    )
    throw error
  } finally {
    await releaseAll(tx.locks)
    unsubscribe?.()
  }
}

async function commit(server: ServerConnection, tx: MysqlTransaction): Promise<void> {
  if (tx.rolledBack !== null) {
    const message = 'the server rolled the transaction back, and the body swallowed the error'
    throw new TransactionFailedError(message, false, { cause: tx.rolledBack })
  }
  // The resource that a lost lock protected may already have another holder.
  for (const { signal } of tx.locks) signal.throwIfAborted()
  try {
    await server.say(COMMIT)
  } catch (error) {
    // The server has answered, so the transaction is not committed.
    if (errorNumber(error) !== undefined) throw error
    const message = 'the connection was lost during COMMIT: whether it is committed is not known'
    throw new TransactionFailedError(message, true, { cause: error })
  }
}

/** Releases the locks after the end of the transaction. If one was lost only after the commit, no harm was done. */
async function releaseAll(locks: readonly HeldLock[]): Promise<void> {
  await Promise.all(locks.map((lock) => lock.release().catch(() => undefined)))
}

/**
 * Whether the same transaction may succeed when it runs again. The error itself decides, or the driver's or our error
 * among its causes.
 */
function isCollision(error: unknown): boolean {
  return matchesWithCauses(
    error,
    (cause) => errorNumber(cause) === DEADLOCK || cause instanceof LockDeadlockError,
  )
}
