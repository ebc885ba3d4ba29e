import { systemClock } from './base/clock.js'
import { BackendMismatchError } from './base/errors.js'
import { checkIsObject } from './base/options.js'
import { systemRandom } from './base/random.js'
import { checkKey } from './dialect/check-key.js'
import { readInTransaction } from './dialect/postgres/inspect/read-in-transaction.js'
import { hookProblems, HOOKS, type ConnectionHooks } from './dialect/postgres/pool/connection-hooks.js'
import {
  lockInOf,
  lockStatementOf,
  tryLockInOf,
  type LockInClient,
  type LockStatement,
  type LockStatementOptions,
} from './dialect/postgres/transaction/lock-in.js'
import type {
  LockTransaction,
  TransactionLockOptions,
} from './dialect/postgres/transaction/lock-transaction.js'
import type { LockKey, LockMode } from './dialect/lock-key.js'
import {
  clientConfig,
  readConnection,
  type PostgresConfig,
} from './dialect/postgres/config/connection-config.js'
import type { PostgresConnection } from './dialect/postgres/connection/connection.js'
import { PostgresPool } from './dialect/postgres/pool/pool.js'
import { PostgresFactory } from './dialect/postgres/pool/factory.js'
import { encodeKey } from './dialect/postgres/keys/key.js'
import { readBackend } from './dialect/postgres/choose-backend.js'
import { namedRow } from './dialect/postgres/records/key-names.js'
import {
  runTransaction,
  type TransactionOptions,
  type TransactionHost,
} from './dialect/postgres/transaction/run-transaction.js'
import type { ServerLock } from './inspect/server-lock.js'
import { snapshotOf, type LockSnapshot } from './inspect/snapshot.js'
import { keyInWords, keyText } from './dialect/key-words.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'
import { askOnce } from './pool/ask-once.js'
import type { ConnectOptions } from './pool/connect-request.js'

/** The options of a pool, and the address of its server. */
export interface LockPoolOptions extends DialectLockPoolOptions, ConnectionHooks {
  /**
   * The server: a connection string or a URL, or an object with what `pg` takes. It may name several hosts, as libpq does:
   * `postgres://a,b:5433/db?target_session_attrs=primary`. Every connection goes to the one that is the primary.
   *
   * Default: the environment variable `DATABASE_URL`, then `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD` and `PGDATABASE`.
   */
  readonly connection?: PostgresConfig

  /**
   * How locks are kept. `'advisory'`: session locks of PostgreSQL, which need a direct connection or session pooling, and are
   * the fastest. `'table'`: rows with leases in the schema `lockpool`, which work through every pooler; a lock costs a write,
   * and the locks of a process that dies are free when its lease is over. All pools that share keys must use the same backend:
   * the first one decides for its namespace in this database, and others are refused (`BACKEND_MISMATCH`).
   *
   * Default `'advisory'`.
   */
  readonly backend?: 'advisory' | 'table'

  /**
   * With `backend: 'table'`, how rows are written. `'postgres'`: with everything that PostgreSQL has. `'distributed'`: in SQL that
   * CockroachDB, YugabyteDB and Aurora DSQL document, with more round trips, and without notifications. Pools with different
   * engines use different tables and refuse each other in one namespace (`BACKEND_MISMATCH`).
   *
   * Default: `'distributed'` if the server says that it is CockroachDB or YugabyteDB, or if the host is an endpoint of Aurora
   * DSQL; otherwise `'postgres'`.
   */
  readonly engine?: 'postgres' | 'distributed'

  /**
   * With `backend: 'table'`, the address for a direct connection, which listens for releases. Without it, and behind a pooler,
   * waiting processes poll: the first in the queue every few milliseconds, then less and less often, down to once a second.
   *
   * Default: none.
   */
  readonly listenConnection?: PostgresConfig
}

/** The server ends a look after five seconds, if it can still be reached. */
const LOOK = { clock: systemClock, limitMs: 6000 } as const

/** Locks of a transaction are advisory locks, whatever the backend of the pool. */
function noTransactionLocks(): BackendMismatchError {
  return new BackendMismatchError(
    'locks of a transaction are advisory locks, which do not exclude those of backend "table": use acquire and lock.guard',
  )
}

/**
 * A connection pool for locks in PostgreSQL: thousands of advisory locks over a handful of connections, with waiting that
 * costs no connection.
 */
export class LockPool extends DialectLockPool<PostgresConnection> {
  readonly #transactions: TransactionHost

  /**
   * Opens no connection yet.
   *
   * @throws {InvalidOptionError} listing every unknown or invalid option.
   */
  constructor(options: LockPoolOptions = {}) {
    checkIsObject(options)
    const { settings, problem } = readConnection(options.connection)
    const { onConnect, verify, log, backend = 'advisory', engine, listenConnection } = options
    const hooks = { ...(onConnect && { onConnect }), ...(verify && { verify }), ...(log && { log }) }
    const rows = readBackend({ backend, engine, listenConnection })
    const problems = [
      ...(problem === null ? [] : [problem]),
      ...rows.problems,
      ...hookProblems({ onConnect, verify, log }),
    ]
    // The options object is passed itself, not a copy, because a copy would lose inherited properties.
    const resolved = resolveLockPoolOptions(options, problems, [
      'connection',
      'backend',
      'engine',
      'listenConnection',
      ...HOOKS,
    ])
    const config = rows.connectionConfig(clientConfig(settings, resolved.applicationName))
    super(resolved, {
      factory: new PostgresFactory(config, hooks),
      dialect: rows.dialect(resolved),
      makePool: (...parts) => new PostgresPool({ ...hooks, config }, ...parts),
    })
    if (log !== undefined) this.on('primary:changed', (what) => log('primary:changed', what))
    this.#transactions = {
      pool: this.connections,
      clock: systemClock,
      random: systemRandom,
      defaultTimeoutMs: resolved.acquireTimeoutMs,
      encode: (key) => {
        checkKey(key)
        if (backend === 'table') throw noTransactionLocks()
        return encodeKey(key, resolved.namespace)
      },
      inWords: keyInWords,
      text: keyText,
      isHeldAround: (keyId, own) => this.isHeldAround(keyId, own),
      runInTransaction: (keys, body) => this.runInTransaction(keys, body),
    }
  }

  /** All connections, usable wherever a `pg.Pool` is accepted. Lock sessions are checked out of it too. */
  override get connections(): PostgresPool {
    return super.connections as PostgresPool
  }

  /**
   * All locks of the database, of any program, with their holders and waiters: advisory locks, rows and tables with waiters,
   * and tables that are locked against writing. Internal locks of lockpool are left out, and its waiting processes are shown
   * as waiters. Uses a connection of the pool, and costs the server time in proportion to its locks. Once it has the
   * connection, it ends after about five seconds at the latest, and at once when its signal aborts.
   *
   * @throws as `connections.connect`, and errors of the server
   * @throws {ConnectionError} the server did not answer in time
   */
  async inspect(options?: ConnectOptions): Promise<ServerLock[]> {
    return [...(await this.inspectAll(options)).locks]
  }

  /**
   * Like `inspect`, with the sessions, their blockers, and numbers of the server.
   *
   * @throws as `inspect`
   */
  inspectAll(options: ConnectOptions = {}): Promise<LockSnapshot> {
    const names = [...this.namesInUse()].map(namedRow)
    const limits = { ...LOOK, signal: options.signal }
    return askOnce(
      () => this.connections.connect(options),
      limits,
      async (connection) => {
        const state = await readInTransaction(connection, { everything: false, names })
        // Read after the server's state, so a report about a lock in that state concerns this hold or a later one.
        const own = this.reports().map((report) => [report.serverId, report] as const)
        return snapshotOf({ ...state, reports: new Map([...(state.reports ?? []), ...own]) })
      },
    )
  }

  /**
   * Runs `body` in a transaction on a connection of the pool: COMMIT if it succeeds, ROLLBACK if it fails. Locks that are
   * taken through `tx` end with it.
   *
   * @throws whatever the body throws
   * @throws {TransactionFailedError} the body swallowed an error or ended the transaction itself, or the answer to COMMIT was lost
   * @throws {ConnectionError} {LockTimeoutError} {PoolExhaustedError} {PoolSaturatedError} {PoolClosedError} no connection
   */
  transaction<T>(body: (tx: LockTransaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return runTransaction(this.#transactions, body, options)
  }

  /**
   * Takes a lock until the end of the transaction that is open on the caller's own connection (a client of `pg`, or anything
   * with its `query`), on the same key as `acquire`. It waits inside the server, and costs one round trip.
   *
   * `timeoutMs` is by default the session's `lock_timeout`, or the pool's `acquireTimeoutMs` if that is not set. From 0 (one
   * attempt) to 86400000 (one day), or Infinity.
   *
   * @throws {LockTimeoutError} {LockDeadlockError} as in `transaction`, with the driver's error as the `cause`; the
   * transaction has then failed, as with every error (except with `timeoutMs: 0`)
   * @throws {LockReentryError} an enclosing body holds the key, by `withLock` or in a transaction of this pool
   * @throws {TransactionFailedError} no transaction is open, as far as the client knows: the lock has ended already
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lockIn(client: LockInClient, key: LockKey, options?: TransactionLockOptions): Promise<void> {
    return lockInOf(this.#transactions, client, key, options)
  }

  /**
   * Like `lockIn`, but one attempt: false if the key is not free, or if an enclosing body holds it.
   *
   * @throws {TransactionFailedError} {InvalidKeyError} {InvalidOptionError}
   */
  tryLockIn(client: LockInClient, key: LockKey, options?: { readonly mode?: LockMode }): Promise<boolean> {
    return tryLockInOf(this.#transactions, client, key, options)
  }

  /**
   * The statement of `lockIn`, for query builders and ORMs that send statements themselves. It waits as long as the session's
   * `lock_timeout` allows. With `try` it is one attempt, whose result is in the column `granted`.
   *
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lockStatement(key: LockKey, options?: LockStatementOptions): LockStatement {
    return lockStatementOf(this.#transactions, key, options)
  }
}
