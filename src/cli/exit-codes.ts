import type { LockErrorCode, LockTimeoutError } from '../base/errors.js'
import type { HelpRow } from './command.js'

/** What this program itself exits with: sysexits.h where it has a code, the shell's where the shell has one. */
export const EXIT = {
  ok: 0,
  broken: 1,
  usage: 64,
  unavailable: 69,
  busy: 75,
  lost: 76,
  config: 78,
  internal: 125,
  cannotExecute: 126,
  notFound: 127,
} as const

export type ExitName = keyof typeof EXIT

/** What each code says, for help. */
export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: 'done',
  broken: 'a promise of lockpool did not hold',
  usage: 'the command line is wrong',
  unavailable: 'the database cannot be reached, refuses, or will not do',
  busy: 'somebody else holds the lock, and the time to wait was up (-E overrides)',
  lost: 'the lock was lost while the command ran, and the command was ended',
  config: 'the configuration is wrong: the database URL, an option, a pooler in between',
  internal: 'an error of lockpool itself',
  cannotExecute: 'the command cannot be executed',
  notFound: 'the command was not found',
}

export function exitRows(...names: readonly ExitName[]): HelpRow[] {
  return names.map((name) => [String(EXIT[name]), EXIT_MEANINGS[name]])
}

/** The signals end with 128 and their number, as shells report them. */
const EXIT_OF_ERROR: Readonly<Record<LockErrorCode, ExitName>> = {
  LOCK_TIMEOUT: 'busy',
  LOCK_LOST: 'lost',
  LOCK_DEADLOCK: 'busy',
  LOCK_REENTRY: 'internal',
  LOCK_TABLE_FULL: 'unavailable',
  FENCING_UNAVAILABLE: 'config',
  STALE_TOKEN: 'internal',
  STRICT_UNAVAILABLE: 'config',
  POOL_EXHAUSTED: 'internal',
  POOL_SATURATED: 'internal',
  POOL_CLOSED: 'internal',
  POOLER_DETECTED: 'config',
  CONNECTION_FAILED: 'unavailable',
  TRANSACTION_FAILED: 'internal',
  INVALID_OPTION: 'config',
  INVALID_KEY: 'usage',
}

/** What an error of the library means for the exit code. Anything unknown is our own mistake. */
export function exitNameOf(error: unknown): ExitName {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code !== 'string' || !Object.hasOwn(EXIT_OF_ERROR, code)) return 'internal'
  // Nobody else need have the lock: the database was away when the time was up. Cron jobs that shrug at "busy" must see it.
  if (code === 'LOCK_TIMEOUT' && (error as LockTimeoutError).phase === 'connecting') return 'unavailable'
  return EXIT_OF_ERROR[code as LockErrorCode]
}
