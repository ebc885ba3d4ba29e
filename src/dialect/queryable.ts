/** The result of one statement, in the form of `pg`. */
export interface QueryResult<Row = Record<string, unknown>> {
  rows: Row[]
  /** The number of rows that the statement returned or changed. Null if it has no such number. */
  rowCount: number | null
  /** The first word of the statement according to the server, such as `SELECT`. */
  command: string
  /** The columns. */
  fields: { name: string; dataTypeID: number }[]
}

/** A statement with its own name, row mode or type parsers. */
export interface QueryConfig {
  /** The statement, with `$1`, `$2`, ... for the values. */
  text: string
  values?: unknown[]
  /** With a name, the statement is prepared once for each connection; after that only the values are sent. */
  name?: string
  /** Returns rows as arrays instead of objects. */
  rowMode?: 'array'
  /** The parsers for the values of each type, instead of the default ones. */
  types?: { getTypeParser(oid: number, format?: string): (value: string) => unknown }
}

/** A transaction of any driver, in which statements of lockpool can run. */
export interface Guardable {
  /** Sends one statement. */
  query(text: string, values?: any[]): Promise<unknown>
}

/** Anything with `query`: a connection, a transaction, a client of `pg`. */
export interface Queryable {
  /** Sends one statement and returns its result. */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
}
