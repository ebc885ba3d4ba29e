import type { Queryable } from '../queryable.js'

/** What a connection tells its borrower, besides answers. */
export interface ConnectionEvents {
  notification: { readonly channel: string; readonly payload?: string; readonly processId: number }
  notice: { readonly message?: string; readonly code?: string; readonly severity?: string }
  error: Error
  end: void
}

/** One connection to PostgreSQL, wherever a client of `pg` would do for queries. */
export interface PostgresConnection extends Queryable {
  /** The server process behind it: `pid` in `pg_stat_activity` and `pg_locks`. */
  readonly processID: number
  on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
  off<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
}
