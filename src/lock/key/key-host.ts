import type { Guarded } from '../../dialect/dialect.js'
import type { Queryable } from '../../dialect/queryable.js'
import type { ContendedHost } from '../contention/contended-host.js'
import type { KeyEntry } from './key-entry.js'

/** What interest costs besides the key: itself and, for a writer, both halves of its mark; a session has 32 buckets at most. */
export const INTEREST_ENTRIES = 3

/** What an entry needs of the rest of the pool, and what it tells it. */
export interface KeyHost extends ContendedHost {
  /** There is nothing more to know about this key. */
  forget(entry: KeyEntry): void
  /** The server has granted it, and no caller is told for so long. */
  delayed(entry: KeyEntry, delayMs: number): void
  guard(transaction: Queryable, guarded: Guarded): Promise<void>
}
