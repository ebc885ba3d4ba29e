import { clientConfig, configProblem, type PostgresConfig } from './dialect/postgres/postgres-config.js'
import type { PostgresConnection } from './dialect/postgres/postgres-connection.js'
import { postgresDialect } from './dialect/postgres/postgres-dialect.js'
import { PostgresFactory } from './dialect/postgres/postgres-factory.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'

export interface LockPoolOptions extends DialectLockPoolOptions {
  /**
   * The server: a connection string, or an object with what `pg` takes.
   *
   * Default: the environment variable `DATABASE_URL`, then `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD` and `PGDATABASE`.
   */
  readonly connection?: PostgresConfig
}

/**
 * A connection pool for locks in PostgreSQL: thousands of advisory locks over a handful of connections, with waiting that
 * costs no connection.
 */
export class LockPool extends DialectLockPool<PostgresConnection> {
  /**
   * Opens nothing yet.
   *
   * @throws {InvalidOptionError} listing every unknown or wrong option.
   */
  constructor(options: LockPoolOptions = {}) {
    const { connection, ...rest } = options
    const problem = configProblem(connection)
    const resolved = resolveLockPoolOptions(rest, problem === null ? [] : [problem])
    const config = clientConfig(connection, resolved.applicationName)
    super(resolved, { factory: new PostgresFactory(config), dialect: postgresDialect })
  }
}
