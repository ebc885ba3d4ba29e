import { quoteIdentifier, quoteLiteral } from '../../dialect/postgres/transaction/quoting.js'

/** Rolls a transaction back. */
export const ROLLBACK_UPSTREAM = 'ROLLBACK'
export const BEGIN_UPSTREAM = 'BEGIN'
export const COMMIT_UPSTREAM = 'COMMIT'

/** Removes the session state that another client has left on a connection. */
export const CLEAN_UPSTREAM = 'DISCARD ALL'

export const savepointSql = (name: string): string => `SAVEPOINT ${quoteIdentifier(name)}`

export const rollbackToSql = (name: string): string => `ROLLBACK TO SAVEPOINT ${quoteIdentifier(name)}`

/** Sends a setting to a transaction that is open there. */
export const setConfigSql = (name: string, value: string | null, isLocal: boolean): string =>
  `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${value === null ? 'NULL' : quoteLiteral(value)}, ${isLocal})`

/** Plans a statement, and checks the rights to run it. */
export const explainSql = (text: string): string => `EXPLAIN ${text}`

/** Applies the settings of a client. */
export const settingsSql = (settings: ReadonlyMap<string, string>): string =>
  `SELECT ${[...settings]
    .map(([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`)
    .join(', ')}`
