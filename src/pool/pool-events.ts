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

/** The events of a pool of connections. */
export interface PoolEvents {
  /** A connection is open. */
  'connection:opened': { readonly id: number; readonly tookMs: number }
  /** A connection was checked out. `waitedMs` is 0 if one was available. */
  'connection:checked-out': { readonly id: number; readonly waitedMs: number }
  /** A connection was checked in. Emitted for checkouts that began while there was a listener. */
  'connection:checked-in': { readonly id: number; readonly heldMs: number }
  /** Opening a connection failed. Callers are refused with this error if there is no other connection. */
  'connection:failed': { readonly error: Error }
  /**
   * A connection came back dirty, and was cleaned. `found` lists what the borrower left behind. `where` is the stack of its
   * `connect`, which is taken while there is a listener for this event or `leakWarningMs` is set; otherwise null.
   */
  'connection:cleaned': {
    readonly id: number
    readonly found: readonly string[]
    readonly where: string | null
  }
  /** Only with `leakWarningMs`: checked out for longer than that. Once per checkout. `where` is the stack of its `connect`. */
  'connection:overdue': { readonly id: number; readonly heldMs: number; readonly where: string }
  /** Only with `leakWarningMs`: the borrower's handle was garbage-collected, and the connection is checked in. */
  'connection:forgotten': { readonly id: number; readonly heldMs: number; readonly where: string }
  /** A connection is closed, or about to be. `where`, as above, if its borrower left it in a state that cannot be cleaned. */
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
  /** Failed attempts to open a connection, since the pool was made. */
  readonly failed: number
  /** Connections closed since the pool was made. */
  readonly closed: number
  /** Checkouts since the pool was made. */
  readonly leases: number
  /** Callers that got no connection in time, since the pool was made. */
  readonly timeouts: number
}
