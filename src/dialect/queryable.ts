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
