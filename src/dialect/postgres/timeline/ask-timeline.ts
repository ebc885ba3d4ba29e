import { LockError } from '../../../base/errors.js'
import { sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { within } from './timeline-sql.js'

/**
 * The maximum number of attempts to move the sequence or to write a row. Several processes may try the same at once.
 */
export const MOST_ATTEMPTS = 5

/** Returns an error of the server, or one of ours. Any other error concerns the connection, and is thrown. */
export function serverError(error: unknown): unknown {
  if (sqlState(error) === undefined && !(error instanceof LockError)) throw error
  return error
}

/** Whether another session is making the same change at this moment. */
export function isCollision(error: unknown): boolean {
  return COLLISIONS.has(sqlState(error) ?? '')
}

/** lock_not_available, deadlock_detected, unique_violation. */
const COLLISIONS: ReadonlySet<string> = new Set(['55P03', '40P01', '23505'])

/** Runs statements in one transaction with a lock timeout, and returns the first row of the last one. */
export async function ask<Row>(
  server: ServerConnection,
  limitMs: number,
  ...statements: readonly string[]
): Promise<Row | undefined> {
  return (await server.query<Row>(within(limitMs, ...statements))).rows[0]
}

export type Settled<T> = { readonly value: T; readonly error?: undefined } | { readonly error: unknown }

/**
 * Makes a promise that never rejects, for a question that is asked before its answer is needed. Otherwise a failure
 * would be an unhandled rejection.
 */
export function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
}

export function valueOf<T>(result: Settled<T>): T {
  if ('error' in result) throw result.error
  return result.value
}
