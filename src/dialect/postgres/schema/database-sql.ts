import { quoteIdentifier } from './schema-sql.js'

/** A database of its own for locks: a snapshot that is open in another one keeps none of its old rows. */

export const FIND_DATABASE = `
SELECT true AS is_there FROM pg_catalog.pg_database AS database
WHERE database.datname OPERATOR(pg_catalog.=) $1::pg_catalog.text`

/** It can be in no transaction. */
export function createDatabase(name: string): string {
  return `CREATE DATABASE ${quoteIdentifier(name)}`
}
