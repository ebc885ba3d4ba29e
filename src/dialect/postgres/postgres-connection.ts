/** The rows of one statement, as `pg` gives them. */
export interface QueryResult<Row = Record<string, unknown>> {
  rows: Row[]
  rowCount: number | null
  command: string
  fields: { name: string; dataTypeID: number }[]
}

/** A statement with a name, a row mode or type parsers of its own. */
export interface QueryConfig {
  text: string
  values?: unknown[]
  name?: string
  rowMode?: 'array'
  types?: { getTypeParser(oid: number, format?: string): (value: string) => unknown }
}

/** Anything with `query`: a connection, a transaction, a client of `pg`. */
export interface Queryable {
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
}

/** What a connection tells its borrower, besides answers. */
export interface ConnectionEvents {
  notification: { readonly channel: string; readonly payload?: string; readonly processId: number }
  notice: { readonly message?: string; readonly code?: string; readonly severity?: string }
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
