import { FencingUnavailableError, StaleTokenError } from '../../../base/errors.js'
import { quoted } from '../../../base/printable.js'
import type { Guarded } from '../../dialect.js'
import type { Queryable } from '../../queryable.js'
import { GUARD_READ, GUARD_WRITE } from './guard-sql.js'
import { askProgramClient, assertTransactionOpen } from '../connection/program-client.js'
import { isNotInstalled } from '../connection/server-errors.js'

/**
 * The check at the resource that fencing needs. The row stays locked until the caller's transaction ends. A caller with
 * another token waits for that, and then sees this token. Any other error is passed on unchanged, because it concerns
 * the caller.
 */
export async function guard(transaction: Queryable, { resource, token, mode }: Guarded): Promise<void> {
  const statement = mode === 'exclusive' ? GUARD_WRITE : GUARD_READ
  let rows: readonly unknown[]
  try {
    rows = await askProgramClient(transaction, statement, [resource, String(token)])
  } catch (error) {
    if (!isNotInstalled(error)) throw error
    const message = `the table lockpool.guard can't be used in this database: "lockpool install" makes it, with --role for other roles than its own`
    throw new FencingUnavailableError(message, { cause: error })
  }
  if (rows.length > 0) return assertTransactionOpen(transaction, 'guard')
  throw new StaleTokenError(`a later holder has written to ${quoted(resource)}: token ${token} is stale`)
}
