import { FencingUnavailableError, InvalidOptionError, StaleTokenError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { quoted } from '../../../base/printable.js'
import type { Guarded } from '../../dialect.js'
import type { Guardable } from '../../queryable.js'
import { GUARD_READ, GUARD_WRITE } from './guard-sql.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'

/**
 * The check at the resource that fencing needs, for a connection or transaction of `mysql2/promise`. Any other error is
 * passed on unchanged, because it concerns the caller.
 */
export async function guard(transaction: Guardable, { resource, token }: Guarded): Promise<void> {
  checkClient(transaction)
  let stored: unknown
  try {
    await transaction.query(GUARD_WRITE, [resource, resource, String(token)])
    stored = firstValue(await transaction.query(GUARD_READ, [resource]))
  } catch (error) {
    if (errorNumber(error) !== NO_SUCH_TABLE && !isDenied(error)) throw error
    const message = `the table lockpool_guard is not in this database, or this user may not write it: a lock session whose user may create tables creates it`
    throw new FencingUnavailableError(message, { cause: error })
  }
  if (BigInt(String(stored)) <= token) return
  throw new StaleTokenError(`a later holder has written to ${quoted(resource)}: token ${token} is stale`)
}

/** Refuses pools. A pool sends each statement on any free connection, so the guard would end before the write. */
function checkClient(client: unknown): void {
  const { query, getConnection } = (client ?? {}) as Record<string, unknown>
  const problem =
    typeof query !== 'function'
      ? `must be a connection with a transaction open, got ${show(client)}`
      : typeof getConnection === 'function'
        ? 'is a pool: it must be the connection that has the transaction open'
        : null
  if (problem !== null) throw new InvalidOptionError([`"transaction" ${problem}`])
}

/** Rows are objects, or arrays if the program has configured that. */
function firstValue(answer: unknown): unknown {
  const [rows] = answer as readonly [readonly object[]]
  return Object.values(rows[0]!)[0]
}
