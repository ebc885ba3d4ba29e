import type { TABLE_MODES } from './transaction-sql.js'

/** The modes in the words of pg_locks, from the weakest to the strongest. */
const MODES = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
] as const

/** Which modes keep a table from being locked in this one: see "Conflicting Lock Modes" in PostgreSQL's documentation. */
export const CONFLICTING_MODES: Readonly<Record<keyof typeof TABLE_MODES, readonly string[]>> = {
  'access share': MODES.slice(7),
  'row share': MODES.slice(6),
  'row exclusive': MODES.slice(4),
  'share update exclusive': MODES.slice(3),
  share: MODES.filter((mode, strength) => strength >= 2 && mode !== 'ShareLock'),
  'share row exclusive': MODES.slice(2),
  exclusive: MODES.slice(1),
  'access exclusive': MODES,
}

/**
 * A session that has locked rows holds the table in one of these modes. A session that only reads the table does not.
 */
export const MODES_WITH_ROWS: readonly string[] = MODES.slice(1)
