import { LockError } from '../../../base/errors.js'
import { sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { within } from './timeline-sql.js'

/** Of attempts to move or to write: others who come at the same time do the same. */
export const MOST_ATTEMPTS = 5

/** What the server says, or we; anything else has happened to the connection, and is thrown. */
export function serverError(error: unknown): unknown {
  if (sqlState(error) === undefined && !(error instanceof LockError)) throw error
  return error
}

/** Somebody does the same at this moment, and will have done it. */
export function isCollision(error: unknown): boolean {
  return COLLISIONS.has(sqlState(error) ?? '')
}

/** A lock that was not to be had in time, a deadlock, a row that somebody else has just made. */
const COLLISIONS: ReadonlySet<string> = new Set(['55P03', '40P01', '23505'])

/** The first row of the last statement. */
export async function ask<Row>(
  server: ServerConnection,
  patienceMs: number,
  ...statements: readonly string[]
): Promise<Row | undefined> {
  return (await server.query<Row>(within(patienceMs, ...statements))).rows[0]
}

export type Settled<T> = { readonly value: T; readonly error?: undefined } | { readonly error: unknown }

/** For what is asked before it is needed: a failure must not be nobody's. */
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
