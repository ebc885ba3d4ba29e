import { hostname } from 'node:os'
import { systemClock } from './base/clock.js'
import { checkIsObject } from './base/options.js'
import { systemRandom } from './base/random.js'
import { backendProblems, chooseBackend } from './dialect/mysql/choose-backend.js'
import { mysqlConfig, type MysqlConfig } from './dialect/mysql/config/connection-config.js'
import type { MysqlConnection } from './dialect/mysql/connection/connection.js'
import { namedLock } from './dialect/mysql/inspect/read-server-state.js'
import { lookAtLocks, reportsOf } from './dialect/mysql/both-backends.js'
import { MysqlFactory } from './dialect/mysql/pool/factory.js'
import { LeasedConnection } from './dialect/mysql/pool/leased-connection.js'
import { MysqlPool } from './dialect/mysql/pool/pool.js'
import type { LockTransaction } from './dialect/mysql/transaction/lock-transaction.js'
import {
  runTransaction,
  type TransactionOptions,
  type TransactionHost,
} from './dialect/mysql/transaction/run-transaction.js'
import type { ServerLock } from './inspect/server-lock.js'
import { snapshotOf, type LockSnapshot } from './inspect/snapshot.js'
import {
  resolveLockPoolOptions,
  type LockPoolOptions as DialectLockPoolOptions,
} from './lock/lock-pool-options.js'
import { LockPool as DialectLockPool } from './lock/lock-pool.js'
import { askOnce } from './pool/ask-once.js'
import type { ConnectOptions } from './pool/connect-request.js'

/** How long a server may take to show its locks. */
const LOOK = { clock: systemClock, limitMs: 5000 } as const

/** The options of a pool, and the address of its server. */
export interface LockPoolOptions extends DialectLockPoolOptions {
  /**
   * The server: a URL (`mysql://user:password@host:3306/database`), or an object with settings of `mysql2`. Both may name
   * several hosts.
   *
   * Default: the environment variable `DATABASE_URL`.
   */
  readonly connection?: MysqlConfig

  /**
   * How locks are kept. `'named'`: GET_LOCK in lock sessions, which gives exclusive locks on one server, and
   * shared ones with `sharedSlots`. `'table'`:
   * rows with leases in the database of the connection, in both modes, on one server, through a proxy, or in a Galera
   * cluster (with a `leaseMs` of at least 20000). All pools that share keys must use the same backend: the first one
   * decides for its namespace, and others are refused (`BACKEND_MISMATCH`).
   *
   * Default `'named'`.
   */
  readonly backend?: 'named' | 'table'

  /**
   * Shared mode with named locks: how many processes may have a key in shared mode at the same time. Readers in one
   * process count once; those in one process more wait until another process has released the key. It makes exclusive
   * locks dearer, because every one of them checks this number of names. All pools of the namespace must have the same number: the
   * first one records it in the table `lockpool_backend`, and others are refused (`BACKEND_MISMATCH`). With 0, shared mode
   * is refused (`MODE_UNSUPPORTED`).
   *
   * Default 0. From 0 to 64.
   */
  readonly sharedSlots?: number

  /**
   * How long the server keeps the locks of a process that has stopped responding. With `'named'` it is the
   * `wait_timeout` of lock sessions. Each session sends a heartbeat every third of it. A process declares its locks
   * lost by itself when the server has been silent for nine tenths of it, or until 200 ms before its end if that is
   * earlier.
   *
   * Default 15000. From 2000 to 86400000 (one day); whole seconds with `'named'`.
   */
  readonly leaseMs?: number

  /**
   * Must not be `true`: with named locks, the server keeps nothing that a later holder could check. Default `false`.
   */
  readonly strict?: boolean

  /**
   * Whether locks have fencing tokens. `'auto'`: yes, if the tables `lockpool_fence` and `lockpool_run` exist in the
   * database of the connection or may be created. Locks work either way; one warning says what is missing, and only
   * `lock.token` throws. `'off'`: no.
   *
   * Default `'auto'`.
   */
  readonly fencing?: 'auto' | 'off'

  /**
   * Whether names of keys are recorded in the table `lockpool_key_name`, for people who look at locks: the server knows
   * only hashes. They are written once a second, on a borrowed connection. Nothing is written with `'off'`, without
   * tokens, or with a `max` of 1.
   *
   * Default `'auto'`.
   */
  readonly keyNames?: 'auto' | 'off'

  /**
   * The connection attribute `program_name`, which the performance schema shows.
   *
   * Default `'lockpool'`. At most 63 characters.
   */
  readonly applicationName?: string

  /**
   * The maximum number of locks of this pool. A key with waiters counts as three. Named locks are kept in memory, so
   * with `'auto'` there is no limit.
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
  readonly #transactions: TransactionHost
  readonly #database: string | null

  /**
   * Opens no connection yet.
   *
   * @throws {InvalidOptionError} listing every unknown or invalid option.
   */
  constructor(options: LockPoolOptions = {}) {
    checkIsObject(options)
    const { config, problem } = mysqlConfig(options.connection)
    const problems = [
      ...(problem === null ? [] : [problem]),
      ...backendProblems(options, config.database ?? null),
    ]
    const resolved = resolveLockPoolOptions(options, problems, ['connection', 'backend', 'sharedSlots'])
    const attributes = { program_name: resolved.applicationName, ...config.connectAttributes }
    super(resolved, {
      factory: new MysqlFactory({ ...config, connectAttributes: attributes }),
      dialect: chooseBackend(options.backend, config.database ?? null, resolved, options.sharedSlots),
      makePool: (...parts) => new MysqlPool(...parts),
    })
    this.#database = config.database ?? null
    this.#transactions = {
      pool: this.connections,
      clock: systemClock,
      random: systemRandom,
      defaultTimeoutMs: resolved.acquireTimeoutMs,
      process: `process ${process.pid} on ${hostname()} (${resolved.applicationName})`,
      acquire: (key, how) => this.acquire(key, how),
      tryAcquire: (key, how) => this.tryAcquire(key, how),
    }
  }

  /**
   * All connections, usable wherever a pool of `mysql2/promise` is accepted. Lock sessions are checked out of it too.
   */
  override get connections(): MysqlPool {
    return super.connections as MysqlPool
  }

  /**
   * All locks of the server that it can list, of any program, and locks in rows of the database, with their holders and waiters.
   * Internal locks of lockpool are left out, and its waiting processes are shown as waiters. Uses a connection of the pool.
   * Once it has the connection, it ends after five seconds at the latest, and at once when its signal aborts.
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
    const names = [...this.namesInUse()].map(namedLock)
    const limits = { ...LOOK, signal: options.signal }
    return askOnce(
      () => this.connections.connect(options),
      limits,
      async (connection) => {
        const state = await lookAtLocks(LeasedConnection.serverOf(connection), names)
        // Read after the server's state, so a report about a lock in that state concerns this hold or a later one.
        const reports = reportsOf(this.reports(), this.#database, names)
        return snapshotOf({ ...state, reports })
      },
    )
  }

  /**
   * Runs `body` in a transaction on a connection of the pool: COMMIT if it succeeds, ROLLBACK if it fails. Locks that are
   * taken through `tx` end with it.
   *
   * @throws whatever the body throws
   * @throws {TransactionFailedError} the server rolled it back and the body swallowed that, the body ended the transaction
   * itself, or the answer to COMMIT was lost
   * @throws {LockLostError} a lock taken through `tx` was lost: everything is rolled back
   * @throws {ConnectionError} {LockTimeoutError} {PoolExhaustedError} {PoolSaturatedError} {PoolClosedError} no connection
   */
  transaction<T>(body: (tx: LockTransaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return runTransaction(this.#transactions, body, options)
  }
}
