/** Why a connection was closed. */
export type CloseReason =
  | 'idle for too long'
  | 'old'
  | 'used up'
  | 'released as broken'
  | 'could not be cleaned'
  | 'failed its check'
  | 'ended by itself'
  | 'pool closed'

/** What a pool tells its listeners. */
export interface PoolEvents {
  /** A connection is open. */
  'connection:opened': { readonly id: number; readonly tookMs: number }
  /** Somebody has borrowed a connection, after so long a wait: 0 if there was one at once. */
  'connection:lent': { readonly id: number; readonly waitedMs: number }
  /** It has come back, and is about to be cleaned, lent again, or closed. Told for loans that began while somebody listened. */
  'connection:returned': { readonly id: number; readonly heldMs: number }
  /** Opening one failed. Callers are refused with this error if no other connection is left. */
  'connection:failed': { readonly error: Error }
  /**
   * A connection came back dirty. `found` tells what the borrower left behind. `where` is the stack of its `connect`, which
   * is kept while somebody listens to this event or `leakWarningMs` is set; null for a loan from before.
   */
  'connection:cleaned': {
    readonly id: number
    readonly found: readonly string[]
    readonly where: string | null
  }
  /** Only with `leakWarningMs`: it is borrowed for longer than that. Once per loan. `where` is the stack of its `connect`. */
  'connection:overdue': { readonly id: number; readonly heldMs: number; readonly where: string }
  /** Only with `leakWarningMs`: what its borrower had was garbage-collected, and it is given back. */
  'connection:forgotten': { readonly id: number; readonly heldMs: number; readonly where: string }
  /** A connection is gone, or about to be. `where`, as above, if its borrower left it in a state that can't be cleaned. */
  'connection:closed': {
    readonly id: number
    readonly reason: CloseReason
    readonly error?: Error
    readonly where?: string
  }
}

/** Plain numbers, for people and metrics. */
export interface PoolCounts {
  /** Connections that exist, counting those opening and closing. */
  readonly total: number
  readonly idle: number
  readonly leased: number
  readonly opening: number
  readonly closing: number
  /** Callers in the queue. */
  readonly waiting: number
  /** Since the pool was made. */
  readonly opened: number
  /** Attempts to open one that failed, since then. */
  readonly failed: number
  /** Since then. */
  readonly closed: number
  /** Loans, since then. */
  readonly leases: number
  /** Callers who got none in time, since then. */
  readonly timeouts: number
}
