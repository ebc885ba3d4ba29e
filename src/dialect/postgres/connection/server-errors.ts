import { SOON_MS } from '../../hosts/host.js'
import { ConnectionError, LockError, LockTableFullError, PoolerDetectedError } from '../../../base/errors.js'
import { printable } from '../../../base/printable.js'
import { isState, isWorthRetrying } from './retryable-errors.js'

/** The SQLSTATE of an error that the server sent. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && isState(code) ? code : undefined
}

/** lock_not_available: a timeout ended the wait, or NOWAIT found the lock taken. */
export const LOCK_NOT_AVAILABLE = '55P03'

export const DEADLOCK_DETECTED = '40P01'

/**
 * Whether the timeout ended a wait for a table, and not for a row of it. For a row, the error has a `where`. Messages
 * come in the server's language; the name of the function that reports the error does not.
 */
export function isWaitForTable(error: unknown): boolean {
  const { routine, where } = (error ?? {}) as { routine?: unknown; where?: unknown }
  return routine === 'ProcessInterrupts' && where === undefined
}

/** undefined_table, invalid_schema_name, insufficient_privilege. */
const NOT_INSTALLED: ReadonlySet<string> = new Set(['42P01', '3F000', '42501'])

/** Whether a statement failed because an object of schema `lockpool` is missing or this role may not use it. */
export function isNotInstalled(error: unknown): boolean {
  return NOT_INSTALLED.has(sqlState(error) ?? '')
}

/** Whether a statement failed because the database's encoding lacks a character of the statement. */
export function isNotEncodable(error: unknown): boolean {
  return sqlState(error) === '22P05'
}

/** A message for people: why a statement failed on an object of ours. */
export function inWords(error: unknown, object: string): string {
  const { message } = explain(error)
  return sqlState(error) === LOCK_NOT_AVAILABLE
    ? `another session has locked ${object}, or an object that belongs to it: ${message}`
    : message
}

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function explain(error: unknown): LockError {
  if (error instanceof LockError) return error
  const code = sqlState(error)
  // The message may contain names from other users, and their functions can put any text into it.
  const message = printable(messageOf(error))
  if (code === '53200' && isLockTable(error, message)) {
    return new LockTableFullError(
      `the server's lock table is full: raise its max_locks_per_transaction, or lower "maxHeldLocks" where it is set (${message})`,
      {
        cause: error,
      },
    )
  }
  // This is how PgBouncer answers a startup parameter that it does not support. PostgreSQL would send 42704.
  if (code === '08P01' && message.includes('startup parameter')) {
    return new PoolerDetectedError(
      `a connection pooler refuses the connection: ${message}. Connect lockpool to the server itself, or leave that ` +
        "parameter out and use session pooling, or backend: 'table'",
      { cause: error },
    )
  }
  return new ConnectionError(code === undefined ? message : `${message} (${code})`, {
    cause: error,
    retryable: isWorthRetrying(error),
    retryAfterMs: code !== undefined && IN_CHANGE.has(code) ? SOON_MS : null,
  })
}

/** admin_shutdown, crash_shutdown, cannot_connect_now: the server starts, recovers or stops. */
const IN_CHANGE: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03'])

/**
 * Tells a full lock table from a lack of process memory, which has the same SQLSTATE. The name of the setting is the
 * same in every language of the server.
 */
function isLockTable(error: unknown, message: string): boolean {
  const { hint } = error as { hint?: unknown }
  return message.includes('shared memory') || (typeof hint === 'string' && /max_\w*locks_per/.test(hint))
}

/** Some errors of Node's net module have an empty message: they contain one error for each address that was tried. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  if (error instanceof Error && error.message.includes('client password must be a'))
    return `the server asks for a password, and none was given (${error.message})`
  if (error instanceof Error && error.message.includes('no PostgreSQL user name specified'))
    return 'no user name: set DATABASE_URL or PGUSER, or pass "connection". The environment has no USER either'
  if (error instanceof Error && error.message !== '') return error.message
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : String(error)
}
