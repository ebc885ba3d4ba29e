import { hostname } from 'node:os'
import { systemClock } from './base/clock.js'
import { checkIsObject, show } from './base/options.js'
import { systemRandom } from './base/random.js'
import { mysqlConfig, type MysqlConfig } from './dialect/mysql/config/connection-config.js'
import type { MysqlConnection } from './dialect/mysql/connection/connection.js'
import { MysqlDialect } from './dialect/mysql/mysql-dialect.js'
import { MysqlFactory } from './dialect/mysql/pool/factory.js'
import { MysqlPool } from './dialect/mysql/pool/pool.js'
import type { LockTransaction } from './dialect/mysql/transaction/lock-transaction.js'
import {
  runTransaction,
  type TransactionOptions,
  type TransactionPorts,
} from './dialect/mysql/transaction/run-transaction.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'

/** How a pool uses its server, and where that is. */
export interface LockPoolOptions extends DialectLockPoolOptions {
  /**
   * The server: a URL (`mysql://user:password@host:3306/database`), or an object with what `mysql2` takes.
   *
   * Default: the environment variable `DATABASE_URL`.
   */
  readonly connection?: MysqlConfig

  /** How locks are kept: `'named'` is GET_LOCK, on one server. Default `'named'`. */
  readonly backend?: 'named'

  /**
   * How long the server keeps the locks of a process it does not hear of: it becomes `wait_timeout` of lock sessions. A third
   * of it is the rhythm of the heartbeats. Nine tenths of it after the last sign of life, or 200 ms before its end if that is
   * earlier, the process declares its locks lost by itself.
   *
   * Default 15000. From 2000 to 86400000 (one day), in whole seconds.
   */
  readonly leaseMs?: number

  /** Named locks leave nothing behind that a later holder could ask for: it can't be `true`. Default `false`. */
  readonly strict?: boolean

  /**
   * Whether locks have fencing tokens. `'auto'`: if the tables `lockpool_fence` and `lockpool_run` are in the database of the
   * connection or may be made; locks work either way, one warning says what is missing, and only `lock.token` throws.
   * `'off'`: never.
   *
   * Default `'auto'`.
   */
  readonly fencing?: 'auto' | 'off'

  /**
   * Whether names of keys are written down in the table `lockpool_key_name`, for people who look at locks: the server knows
   * only hashes. Once a second, on a borrowed connection. With `'off'`, without tokens or with a `max` of 1 nothing is written.
   *
   * Default `'auto'`.
   */
  readonly keyNames?: 'auto' | 'off'

  /**
   * The attribute `program_name` of connections, as the performance schema shows it.
   *
   * Default `'lockpool'`. At most 63 characters.
   */
  readonly applicationName?: string

  /**
   * The most locks of this pool, counting three for a key that is waited for. Named locks are kept in memory: with `'auto'`
   * there is no limit.
   *
   * Default `'auto'`. From 1 to 10000000.
   */
  readonly maxHeldLocks?: number | 'auto'
}

/**
 * A connection pool for locks in MariaDB and MySQL: thousands of named locks over a handful of connections, with waiting that
 * costs no connection.
 */
export class LockPool extends DialectLockPool<MysqlConnection> {
  readonly #transactions: TransactionPorts

  /**
   * Opens nothing yet.
   *
   * @throws {InvalidOptionError} listing every unknown or wrong option.
   */
  constructor(options: LockPoolOptions = {}) {
    checkIsObject(options)
    const { config, problem } = mysqlConfig(options.connection)
    const problems = [...(problem === null ? [] : [problem]), ...backendProblems(options)]
    const resolved = resolveLockPoolOptions(options, problems, ['connection', 'backend'])
    const attributes = { program_name: resolved.applicationName, ...config.connectAttributes }
    super(resolved, {
      factory: new MysqlFactory({ ...config, connectAttributes: attributes }),
      dialect: new MysqlDialect(config.database ?? null),
      makePool: (...parts) => new MysqlPool(...parts),
    })
    this.#transactions = {
      pool: this.connections,
      clock: systemClock,
      random: systemRandom,
      defaultTimeoutMs: resolved.acquireTimeoutMs,
      process: `process ${process.pid} on ${hostname()} (${resolved.applicationName})`,
      acquire: (key, how) => this.acquire(key, how),
      tryAcquire: (key) => this.tryAcquire(key),
    }
  }

  /** All connections, wherever a pool of `mysql2/promise` is taken. Lock sessions are borrowed from here too. */
  override get connections(): MysqlPool {
    return super.connections as MysqlPool
  }

  /**
   * Runs `body` in a transaction on a connection of the pool: COMMIT if it succeeds, ROLLBACK if it fails. Locks that are
   * taken through `tx` end with it.
   *
   * @throws whatever the body throws
   * @throws {TransactionFailedError} the server rolled it back and the body swallowed that, or the answer to COMMIT was lost
   * @throws {LockLostError} a lock taken through `tx` was lost: everything is rolled back
   * @throws {ConnectionError} {LockTimeoutError} {PoolExhaustedError} {PoolSaturatedError} {PoolClosedError} no connection
   */
  transaction<T>(body: (tx: LockTransaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return runTransaction(this.#transactions, body, options)
  }
}

/** What named locks can't do, as early as it can be said. */
function backendProblems({ backend, leaseMs, strict }: LockPoolOptions): string[] {
  const problems: string[] = []
  if (backend !== undefined && backend !== 'named')
    problems.push(`"backend" must be "named" (there is no other yet), got ${show(backend)}`)
  if (Number.isInteger(leaseMs) && (leaseMs! % 1000 !== 0 || leaseMs! < 2000))
    problems.push(
      `"leaseMs" must be whole seconds, 2000 at least, because the server counts in seconds: got ${leaseMs}`,
    )
  if (strict === true)
    problems.push('"strict" can\'t be kept with named locks: the server has nothing that outlives a session')
  return problems
}
