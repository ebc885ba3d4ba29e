import { quoteIdentifier } from './schema-sql.js'

/** A separate database for locks: snapshots of other databases don't prevent the vacuum of its dead rows. */

export const FIND_DATABASE = `
SELECT true AS is_there FROM pg_catalog.pg_database AS database
WHERE database.datname OPERATOR(pg_catalog.=) $1::pg_catalog.text`

/** It can't run inside a transaction. */
export function createDatabase(name: string): string {
  return `CREATE DATABASE ${quoteIdentifier(name)}`
}
