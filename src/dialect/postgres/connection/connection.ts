import type { Queryable } from '../../queryable.js'

/** What a connection tells its borrower, besides answers. */
export interface ConnectionEvents {
  /** A NOTIFY on a channel that this connection listens on. */
  notification: { readonly channel: string; readonly payload?: string; readonly processId: number }
  /** A notice or warning of the server. */
  notice: { readonly message?: string; readonly code?: string; readonly severity?: string }
  /** It is broken. */
  error: Error
  /** It is closed. */
  end: void
}

/** One connection to PostgreSQL, wherever a client of `pg` would do for queries. */
export interface PostgresConnection extends Queryable {
  /** The server process behind it: `pid` in `pg_stat_activity` and `pg_locks`. */
  readonly processID: number
  /** Listens, until `off` or the end of the loan. */
  on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
  /** Listens no more. */
  off<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
}
