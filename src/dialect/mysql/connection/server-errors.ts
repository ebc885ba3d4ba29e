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
const DENIED: ReadonlySet<number> = new Set([1044, 1045, 1142, 1143, 1227, 1370])
/** Errors that remain the same on another attempt, and on another connection. */
const HOPELESS: ReadonlySet<number> = new Set([
  1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1251, 1305, 1318, 1370, 4031,
])
const OUT_OF_MEMORY: ReadonlySet<number> = new Set([1037, 1041])

/** The number of an error of the server. Undefined for other errors. */
export function errorNumber(error: unknown): number | undefined {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown }
  return typeof errno === 'number' && typeof sqlState === 'string' ? errno : undefined
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
    retryable: number === undefined || !HOPELESS.has(number),
  })
}

/** Errors of Node's net module have an empty message if several addresses were tried. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  if (error instanceof Error && error.message !== '') return error.message
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : String(error)
}
