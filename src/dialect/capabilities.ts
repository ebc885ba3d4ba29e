/** What a database may be unable to do for the lock layer. */
export type Feature =
  /** `shared` as a mode. */
  | 'shared mode'
  /** `upgrade` and `downgrade`: a holder changes between shared and exclusive, and holds the key all the time. */
  | 'conversion'
  /** `LockLink.enqueue`: a session waits in the server's own queue for a key. */
  | 'server queue'
  /** `LockLink.sendTicket` and `broadcast`: messages between processes. */
  | 'messages'
  /** `LockLink.notify`: a wake-up is a separate call. Without it, the release itself wakes the next waiter. */
  | 'notify'
  /** `LockLink.announce` and `tableUse`: there is one lock table that all locks of the server share. */
  | 'lock table'
  /** Hold records that outlive their holders. A database that frees locks only at the end of a lease needs none. */
  | 'hold records'
  /** A session that ends frees its locks at once. Without it they are free when the lease is over. */
  | 'ends with the connection'

/**
 * What a database can do for the lock layer, as data: tests ask for the capabilities, and the documentation lists the
 * gaps.
 */
export interface Capabilities {
  /** Missing capabilities, each with the reason and the consequence. */
  readonly gaps: Readonly<Partial<Record<Feature, string>>>
  /** What renews the lease of a session: every statement that is answered, or only `LockLink.heartbeat`. */
  readonly renewedBy: 'statement' | 'heartbeat'
  /** A token for everything that a batch was granted, or one per operation. */
  readonly tokens: 'per batch' | 'per operation'
  /**
   * Which waiter gets a released lock. `anybody`: the first process that asks. `first waiter`: the database keeps the
   * waiters in order, and reserves a released lock for the first of them.
   */
  readonly passesTo: 'anybody' | 'first waiter'
  /** A lease is a multiple of this, in milliseconds. */
  readonly leaseGranularityMs: number
  /** The largest useful number of lock sessions for one pool; Infinity if only connections limit it. */
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
