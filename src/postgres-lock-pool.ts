import { systemClock } from './base/clock.js'
import { BackendMismatchError } from './base/errors.js'
import { onAbort } from './base/on-abort.js'
import { checkIsObject } from './base/options.js'
import { systemRandom } from './base/random.js'
import { checkKey } from './dialect/check-key.js'
import { lookCarefully } from './dialect/postgres/careful-look.js'
import { hookProblems, HOOKS, type ConnectionHooks } from './dialect/postgres/connection-hooks.js'
import {
  lockInOf,
  lockStatementOf,
  tryLockInOf,
  type LockInClient,
  type LockStatement,
  type LockStatementOptions,
} from './dialect/postgres/lock-in.js'
import type { LockTransaction, TransactionLockOptions } from './dialect/postgres/lock-transaction.js'
import type { LockKey, LockMode } from './dialect/lock-key.js'
import { clientConfig, readConnection, type PostgresConfig } from './dialect/postgres/postgres-config.js'
import type { PostgresConnection } from './dialect/postgres/postgres-connection.js'
import { PostgresPool } from './dialect/postgres/postgres-pool.js'
import { PostgresFactory } from './dialect/postgres/postgres-factory.js'
import { encodeKey } from './dialect/postgres/postgres-key.js'
import { readBackend } from './dialect/postgres/backend.js'
import { namedRow } from './dialect/postgres/postgres-key-names.js'
import {
  runTransaction,
  type TransactionOptions,
  type TransactionPorts,
} from './dialect/postgres/run-transaction.js'
import type { ServerLock } from './inspect/server-lock.js'
import { snapshotOf, type LockSnapshot } from './inspect/snapshot.js'
import { keyInWords, keyText } from './dialect/key-words.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'
import type { ConnectOptions } from './pool/connect-request.js'

/** How a pool uses its server, and where that is. */
export interface LockPoolOptions extends DialectLockPoolOptions, ConnectionHooks {
  /**
   * The server: a connection string or a URL, or an object with what `pg` takes. It may name several hosts, as libpq does:
   * `postgres://a,b:5433/db?target_session_attrs=primary`. Every connection goes to the one that is the primary.
   *
   * Default: the environment variable `DATABASE_URL`, then `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD` and `PGDATABASE`.
   */
  readonly connection?: PostgresConfig

  /**
   * How locks are kept. `'advisory'`: session locks of PostgreSQL, which need a connection to the server itself or session
   * pooling, and are the quickest. `'table'`: rows with leases in schema `lockpool`, which work through every pooler; a lock
   * costs a write, and those of a process that dies are free when its lease is over. All pools that share keys must use the
   * same: the first decides for its namespace in this database, and others are refused (`BACKEND_MISMATCH`).
   *
   * Default `'advisory'`.
   */
  readonly backend?: 'advisory' | 'table'

  /**
   * With `backend: 'table'`, where a connection to the server itself can be opened, for one that hears when a lock was given
   * up. Without it, and behind a pooler, waiting processes look at the rows: the first in line every few milliseconds, less
   * and less often while nothing happens, and once a second in the end.
   *
   * Default: none.
   */
  readonly listenConnection?: PostgresConfig
}

/** Those of a transaction are advisory locks, whatever the pool has. */
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
  readonly #transactions: TransactionPorts

  /**
   * Opens nothing yet.
   *
   * @throws {InvalidOptionError} listing every unknown or wrong option.
   */
  constructor(options: LockPoolOptions = {}) {
    checkIsObject(options)
    const { settings, problem } = readConnection(options.connection)
    const { onConnect, verify, log, backend = 'advisory', listenConnection } = options
    const hooks = { ...(onConnect && { onConnect }), ...(verify && { verify }), ...(log && { log }) }
    const rows = readBackend(backend, listenConnection)
    const problems = [
      ...(problem === null ? [] : [problem]),
      ...rows.problems,
      ...hookProblems({ onConnect, verify, log }),
    ]
    // As they are: what is taken out of an object's copy loses what the object inherits.
    const resolved = resolveLockPoolOptions(options, problems, [
      'connection',
      'backend',
      'listenConnection',
      ...HOOKS,
    ])
    const config = clientConfig(settings, resolved.applicationName)
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
   * five seconds is given up, and so is one that is aborted, at once.
   *
   * @throws as `connections.connect`, and what the server says
   */
  async inspectAll(options: ConnectOptions = {}): Promise<LockSnapshot> {
    const names = [...this.namesInUse()].map(namedRow)
    const { signal } = options
    const connection = await this.connections.connect(options)
    const forget = signal && onAbort(signal, () => connection.release(true))
    try {
      const state = await lookCarefully(connection, { everything: false, names })
      // Asked after the server: what we say of a lock that it has shown is about that hold or a later one.
      const own = this.reports().map((report) => [report.serverId, report] as const)
      return snapshotOf({ ...state, reports: new Map([...(state.reports ?? []), ...own]) })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      forget?.()
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

  /**
   * A lock until the end of the transaction that is open on a connection of the caller's own, a client of `pg` or anything
   * with its `query`, on the key that `acquire` would lock. It waits inside the server, and costs one round trip.
   *
   * `timeoutMs` is by default what `lock_timeout` of that session says, and the pool's `acquireTimeoutMs` where it says
   * nothing. From 0 (one attempt) to 86400000 (one day), or Infinity.
   *
   * @throws {LockTimeoutError} {LockDeadlockError} as in `transaction`, with the driver's error as the `cause`; but the
   * transaction has failed then, as with every error (not with `timeoutMs: 0`)
   * @throws {LockReentryError} a body around this call has it, by `withLock` or in a transaction of this pool
   * @throws {TransactionFailedError} if no transaction is open, as far as the client can tell: the lock is gone again
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lockIn(client: LockInClient, key: LockKey, options?: TransactionLockOptions): Promise<void> {
    return lockInOf(this.#transactions, client, key, options)
  }

  /**
   * As `lockIn`, but one attempt: false if it is not free, or if a body around this call has it.
   *
   * @throws {TransactionFailedError} {InvalidKeyError} {InvalidOptionError}
   */
  tryLockIn(client: LockInClient, key: LockKey, options?: { readonly mode?: LockMode }): Promise<boolean> {
    return tryLockInOf(this.#transactions, client, key, options)
  }

  /**
   * The statement of `lockIn`, for query builders and ORMs that send statements themselves. It waits as long as
   * `lock_timeout` of the session says; with `try` it is one attempt, whose answer is in the column `granted`.
   *
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lockStatement(key: LockKey, options?: LockStatementOptions): LockStatement {
    return lockStatementOf(this.#transactions, key, options)
  }
}
