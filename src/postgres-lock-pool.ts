import { systemClock } from './base/clock.js'
import { checkIsObject } from './base/options.js'
import { systemRandom } from './base/random.js'
import { checkKey } from './dialect/check-key.js'
import { lookCarefully } from './dialect/postgres/careful-look.js'
import type { LockTransaction } from './dialect/postgres/lock-transaction.js'
import { clientConfig, readConnection, type PostgresConfig } from './dialect/postgres/postgres-config.js'
import type { PostgresConnection } from './dialect/postgres/postgres-connection.js'
import { postgresDialect } from './dialect/postgres/postgres-dialect.js'
import { PostgresPool } from './dialect/postgres/postgres-pool.js'
import { PostgresFactory } from './dialect/postgres/postgres-factory.js'
import { encodeKey } from './dialect/postgres/postgres-key.js'
import { namedRow } from './dialect/postgres/postgres-key-names.js'
import {
  runTransaction,
  type TransactionOptions,
  type TransactionPorts,
} from './dialect/postgres/run-transaction.js'
import type { ServerLock } from './inspect/server-lock.js'
import { snapshotOf, type LockSnapshot } from './inspect/snapshot.js'
import { keyInWords, keyText } from './lock/key-book.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'
import type { ConnectOptions } from './pool/connect-request.js'

/** How a pool uses its server, and where that is. */
export interface LockPoolOptions extends DialectLockPoolOptions {
  /**
   * The server: a connection string or a URL, or an object with what `pg` takes.
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
  readonly #transactions: TransactionPorts

  /**
   * Opens nothing yet.
   *
   * @throws {InvalidOptionError} listing every unknown or wrong option.
   */
  constructor(options: LockPoolOptions = {}) {
    checkIsObject(options)
    const { settings, problem } = readConnection(options.connection)
    const problems = problem === null ? [] : [problem]
    // As they are: what is taken out of an object's copy loses what the object inherits.
    const resolved = resolveLockPoolOptions(options, problems, ['connection'])
    const config = clientConfig(settings, resolved.applicationName)
    super(resolved, {
      factory: new PostgresFactory(config),
      dialect: postgresDialect,
      makePool: (...parts) => new PostgresPool(...parts),
    })
    this.#transactions = {
      pool: this.connections,
      clock: systemClock,
      random: systemRandom,
      defaultTimeoutMs: resolved.acquireTimeoutMs,
      encode: (key) => {
        checkKey(key)
        return encodeKey(key, resolved.namespace)
      },
      inWords: keyInWords,
      text: keyText,
      isHeldAround: (keyId, own) => this.isHeldAround(keyId, own),
      runTransacting: (keys, body) => this.runTransacting(keys, body),
    }
  }

  /** All connections, wherever a `pg.Pool` is taken. Lock sessions are borrowed from here too. */
  override get connections(): PostgresPool {
    return super.connections as PostgresPool
  }

  /**
   * What the server says of the locks in its database, whoever took them: each with its holders, and who waits. Advisory
   * locks, rows and tables that somebody waits for, and tables that are locked against writing. What lockpool keeps for
   * itself is left out, and its waiting processes are shown as waiters. On a borrowed connection; it costs the server time in
   * proportion to the locks there are.
   *
   * @throws as `connections.connect`
   */
  async inspect(): Promise<ServerLock[]> {
    return [...(await this.inspectAll()).locks]
  }

  /**
   * As `inspect`, with the sessions, who blocks whom, and the server's own numbers; and with limits: a look of more than
   * five seconds is given up.
   *
   * @throws as `connections.connect`, and what the server says
   */
  async inspectAll(options: ConnectOptions = {}): Promise<LockSnapshot> {
    const names = [...this.namesInUse()].map(namedRow)
    const connection = await this.connections.connect(options)
    try {
      const state = await lookCarefully(connection, { everything: false, names })
      // Asked after the server: what we say of a lock that it has shown is about that hold or a later one.
      const own = this.reports().map((report) => [report.serverId, report] as const)
      return snapshotOf({ ...state, reports: new Map([...(state.reports ?? []), ...own]) })
    } finally {
      connection.release()
    }
  }

  /**
   * Runs `body` in a transaction on a connection of the pool: COMMIT if it succeeds, ROLLBACK if it fails. Locks that are
   * taken through `tx` end with it.
   *
   * @throws whatever the body throws
   * @throws {TransactionFailedError} the body swallowed an error, or the answer to COMMIT was lost
   * @throws {ConnectionError} {LockTimeoutError} {PoolExhaustedError} {PoolSaturatedError} {PoolClosedError} no connection
   */
  transaction<T>(body: (tx: LockTransaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return runTransaction(this.#transactions, body, options)
  }
}
