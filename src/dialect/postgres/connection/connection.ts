import type { Queryable } from '../../queryable.js'

/** The events that a borrower can listen for. */
export interface ConnectionEvents {
  /** A NOTIFY arrived on a channel that this connection listens on. */
  notification: { readonly channel: string; readonly payload?: string; readonly processId: number }
  /** The server sent a notice or a warning. */
  notice: { readonly message?: string; readonly code?: string; readonly severity?: string }
  /** The connection is broken. */
  error: Error
  /** The connection is closed. */
  end: void
}

/** One connection to PostgreSQL. It can replace a client of `pg` wherever only queries are needed. */
export interface PostgresConnection extends Queryable {
  /** The pid of the server's backend: `pid` in `pg_stat_activity` and `pg_locks`. */
  readonly processID: number
  /** Adds a listener. It stays until `off`, or until the connection is checked in. */
  on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
  /** Removes a listener. */
  off<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
}
