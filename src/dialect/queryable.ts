/** The rows of one statement, as `pg` gives them. */
export interface QueryResult<Row = Record<string, unknown>> {
  rows: Row[]
  /** Answered, or changed by the statement; null where there is nothing to count. */
  rowCount: number | null
  /** The first word of the statement, as the server has understood it: `SELECT`. */
  command: string
  /** The columns. */
  fields: { name: string; dataTypeID: number }[]
}

/** A statement with a name, a row mode or type parsers of its own. */
export interface QueryConfig {
  /** The statement, with `$1`, `$2`, ... for the values. */
  text: string
  values?: unknown[]
  /** Prepared once for each connection under this name, and then only sent its values. */
  name?: string
  /** Rows as arrays instead of objects. */
  rowMode?: 'array'
  /** How values of each type are read, instead of the usual way. */
  types?: { getTypeParser(oid: number, format?: string): (value: string) => unknown }
}

/** A transaction of whatever driver, for statements of ours. */
export interface Guardable {
  /** Sends one statement. */
  query(text: string, values?: any[]): Promise<unknown>
}

/** Anything with `query`: a connection, a transaction, a client of `pg`. */
export interface Queryable {
  /** Sends one statement, and answers its rows. */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
}
