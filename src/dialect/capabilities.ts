/** What a database may be unable to do for the lock layer. */
export type Feature =
  /** `shared` as a mode. */
  | 'shared mode'
  /** `upgrade` and `downgrade`: a holder changes between shared and exclusive, and holds the key all the time. */
  | 'conversion'
  /** `LockLink.enqueue`: a session waits in the server's own queue for a key. */
  | 'line'
  /** `LockLink.claim` and `tell`: processes say things to each other. */
  | 'messages'
  /** `LockLink.ring`: a wake-up is a call of its own. Without it a release wakes the next waiter by itself. */
  | 'notify'
  /** `LockLink.announce` and `tableUse`: there is one lock table that all locks of the server share. */
  | 'lock table'
  /** Marks of holders that outlive them. A database that frees locks only when the lease is over needs none. */
  | 'strict marks'
  /** A session that ends frees its locks at once. Without it they are free when the lease is over. */
  | 'ends with the connection'

/** What a database can do for the lock layer, as data: tests ask for what is there, and documents say what is not. */
export interface Capabilities {
  /** What is not there, each with the reason and what follows. */
  readonly gaps: Readonly<Partial<Record<Feature, string>>>
  /** What renews the lease of a session: every statement that is answered, or only `LockLink.heartbeat`. */
  readonly renewedBy: 'statement' | 'heartbeat'
  /** A token for everything that a batch was granted, or one per operation. */
  readonly tokens: 'per batch' | 'per operation'
  /**
   * Who gets a lock that was given up. `anybody`: whoever asks first. `first waiter`: the database keeps the waiters in
   * order, and a lock that somebody waits for is kept for the first of them.
   */
  readonly passesTo: 'anybody' | 'first waiter'
  /** A lease is a multiple of this, in milliseconds. */
  readonly leaseGranularityMs: number
  /** The most lock sessions that are of use to one pool; Infinity if it is bounded by connections alone. */
  readonly sessions: number
}

/** Session locks of PostgreSQL, which the lock layer was made for. */
export const SESSION_LOCKS: Capabilities = {
  gaps: {},
  renewedBy: 'statement',
  tokens: 'per batch',
  passesTo: 'anybody',
  leaseGranularityMs: 1,
  sessions: Infinity,
}
