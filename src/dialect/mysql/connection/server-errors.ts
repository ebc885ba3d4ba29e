import { SOON_MS } from '../../hosts/host.js'
import { ConnectionError, LockError, LockTableFullError } from '../../../base/errors.js'

/** Error numbers, which are the same in MariaDB and MySQL. */
export const NO_SUCH_TABLE = 1146
export const DEADLOCK = 1213
/** A deadlock of named locks in MySQL. MariaDB uses DEADLOCK. */
export const USER_LOCK_DEADLOCK = 3058
export const LOCK_WAIT_TIMEOUT = 1205
export const INTERRUPTED = 1317
/** `FOR UPDATE NOWAIT` in MySQL. MariaDB uses LOCK_WAIT_TIMEOUT. */
export const NOT_AT_ONCE = 3572
/** The user lacks a privilege. */
const DENIED: ReadonlySet<number> = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1698])
/**
 * The server does not let this user in: the password (1698 if there is none, 1862 and 1820 if it has expired), the account
 * (3118 and 4151 if it is locked, 3955 after too many wrong passwords), the host of the client, the plugin, or the lack of
 * TLS. Limits of connections are not among these errors, because a connection that ends makes room.
 */
const NOT_LET_IN: readonly number[] = [
  ...[1045, 1698, 1820, 1862, 1873, 3118, 3955, 4151],
  ...[1129, 1130, 1251, 1275, 1524, 3159, 1396],
]
/** Errors that remain the same on another attempt, and on another connection. */
const HOPELESS: ReadonlySet<number> = new Set([
  ...NOT_LET_IN,
  ...[1044, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1305, 1318, 1370],
])
/** Errors of the driver: the two sides have no way to log in, or no TLS, in common. */
const HOPELESS_CODES: ReadonlySet<unknown> = new Set(['AUTH_SWITCH_PLUGIN_ERROR', 'HANDSHAKE_NO_SSL_SUPPORT'])
/** The server stops (1053, 1077, 1079), or is a Galera node outside of the primary component (1047). */
const IN_CHANGE: ReadonlySet<number> = new Set([1047, 1053, 1077, 1079])
/** The server is read-only (1290, 1836), or a Galera node outside of the primary component (1047). */
const NOT_PRIMARY: ReadonlySet<number> = new Set([1047, 1290, 1836])
const OUT_OF_MEMORY: ReadonlySet<number> = new Set([1037, 1041])

/** The number of an error of the server. Undefined for other errors. */
export function errorNumber(error: unknown): number | undefined {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown }
  return typeof errno === 'number' && typeof sqlState === 'string' ? errno : undefined
}

/** Whether the server refused a statement because it is not, or no longer, the primary. */
export function isNotPrimary(error: unknown): boolean {
  return NOT_PRIMARY.has(errorNumber(error) ?? 0)
}

/** Whether the user lacks a privilege. */
export function isDenied(error: unknown): boolean {
  return DENIED.has(errorNumber(error) ?? 0)
}

/** Whether another attempt or another connection would get the same error. */
export function isPermanent(error: unknown): boolean {
  return HOPELESS.has(errorNumber(error) ?? 0)
}

/** The LockError for a failed operation. */
export function explain(error: unknown): LockError {
  if (error instanceof LockError) return error
  const number = errorNumber(error)
  const message = messageOf(error)
  if (number !== undefined && OUT_OF_MEMORY.has(number))
    return new LockTableFullError(`the server has no memory for another lock (${message})`, { cause: error })
  return new ConnectionError(number === undefined ? message : `${message} (${number})`, {
    cause: error,
    retryable: number === undefined ? !HOPELESS_CODES.has(codeOf(error)) : !HOPELESS.has(number),
    retryAfterMs: number !== undefined && IN_CHANGE.has(number) ? SOON_MS : null,
  })
}

/** Errors of Node's net module have an empty message if several addresses were tried. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  if (error instanceof Error && error.message !== '') return error.message
  const code = codeOf(error)
  return typeof code === 'string' ? code : String(error)
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code
}
