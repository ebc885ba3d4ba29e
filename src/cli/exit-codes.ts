import type { LockErrorCode, LockTimeoutError } from '../base/errors.js'
import type { HelpRow } from './help-row.js'

/** The exit codes of this program. Where sysexits.h, timeout(1) or the shell has a code, it is the same. */
export const EXIT = {
  ok: 0,
  broken: 1,
  usage: 64,
  unavailable: 69,
  busy: 75,
  lost: 76,
  config: 78,
  timedOut: 124,
  internal: 125,
  cannotExecute: 126,
  notFound: 127,
} as const

export type ExitName = keyof typeof EXIT

/** The meaning of each code, for help. */
export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: 'done',
  broken: 'a promise of lockpool did not hold',
  usage: 'the command line is wrong',
  unavailable: 'the database cannot be reached, refuses the connection, or is not suitable',
  busy: 'another process holds the lock, and the time to wait was over (-E overrides)',
  lost: 'the lock was lost while the command ran, and the command was ended',
  config: 'the configuration is wrong: the database URL, an option, a pooler in between',
  timedOut: 'the command ran for longer than --timeout, and was ended',
  internal: 'an error of lockpool itself',
  cannotExecute: 'the command cannot be executed',
  notFound: 'the command was not found',
}

export function exitRows(...names: readonly ExitName[]): HelpRow[] {
  return names.map((name) => [String(EXIT[name]), EXIT_MEANINGS[name]])
}

/** Signals are reported as 128 and their number, as shells do. */
const EXIT_OF_ERROR: Readonly<Record<LockErrorCode, ExitName>> = {
  LOCK_TIMEOUT: 'busy',
  LOCK_LOST: 'lost',
  LOCK_DEADLOCK: 'busy',
  LOCK_REENTRY: 'internal',
  LOCK_TABLE_FULL: 'unavailable',
  FENCING_UNAVAILABLE: 'config',
  STALE_TOKEN: 'internal',
  STRICT_UNAVAILABLE: 'config',
  MODE_UNSUPPORTED: 'config',
  BACKEND_MISMATCH: 'config',
  POOL_EXHAUSTED: 'internal',
  POOL_SATURATED: 'internal',
  POOL_CLOSED: 'internal',
  POOLER_DETECTED: 'config',
  CONNECTION_FAILED: 'unavailable',
  TRANSACTION_FAILED: 'internal',
  INVALID_OPTION: 'config',
  INVALID_KEY: 'usage',
}

/** The exit code for an error of the library. An unknown error is a bug of lockpool. */
export function exitNameOf(error: unknown): ExitName {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code !== 'string' || !Object.hasOwn(EXIT_OF_ERROR, code)) return 'internal'
  // The database was away when the time was over, and the lock may be free. Cron jobs that ignore "busy" must see that.
  if (code === 'LOCK_TIMEOUT' && (error as LockTimeoutError).phase === 'connecting') return 'unavailable'
  return EXIT_OF_ERROR[code as LockErrorCode]
}
