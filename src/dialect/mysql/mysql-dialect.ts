import { ConnectionError, InvalidKeyError, ModeUnsupportedError, type LockError } from '../../base/errors.js'
import type { Capabilities } from '../capabilities.js'
import type {
  BorrowSecond,
  Dialect,
  NotificationHandlers,
  Guarded,
  LinkSettings,
  ListeningConnection,
  LockLink,
} from '../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../leader.js'
import type { KeyCode, LockKey } from '../lock-key.js'
import type { SemaphoreCode } from '../permit-operation.js'
import type { Queryable } from '../queryable.js'
import { settings as settingsOf } from './session/attach-sql.js'
import { checkServer, findFencing, leaseSeconds, putInForce } from './session/attach.js'
import { MysqlListener } from './notify/listener.js'
import { NotificationListeners } from './notify/listeners.js'
import type { NamedKey } from '../named-key.js'
import { guard } from './fencing/guard.js'
import {
  claimBackend,
  claimBackendIfPossible,
  enterNamespace,
  isPlaceGone,
  type BackendClaim,
} from './records/backend-claim.js'
import { readLeader, recordLeader } from './records/leader.js'
import { LeasedConnection } from './pool/leased-connection.js'
import { hashOf, isOnlyForMariaDb, LockNames } from './keys/lock-names.js'
import { writeNames } from './inspect/read-server-state.js'
import type { MysqlConnection } from './connection/connection.js'
import type { ServerConnection } from './connection/server-connection.js'
import { explain } from './connection/server-errors.js'
import { MysqlLink } from './locks/link.js'

/**
 * The lease of the session that listens, in seconds. After it, the server releases the names under which a hanging
 * process is found.
 */
const LISTENER_LEASE_S = 15

/** The capabilities of named locks. */
const NAMED_LOCKS: Capabilities = {
  gaps: {
    'shared mode':
      'GET_LOCK has one mode. The option "sharedSlots" of all pools of the namespace adds the other, and backend "table", locks in rows, has both',
    conversion: 'GET_LOCK has one mode; see the option "sharedSlots"',
    messages:
      'a server can wake a session of another process but cannot pass it a message: deadlocks between processes are not found',
    'lock table': 'named locks are kept in memory, without a limit',
    'hold records': 'nothing outlives a session on the server',
  },
  renewedBy: 'statement',
  tokens: 'per batch',
  passesTo: 'anybody',
  leaseGranularityMs: 1000,
  sessions: Infinity,
}

/** The capabilities of named locks in MySQL, which has fewer than MariaDB. */
const NAMED_LOCKS_OF_MYSQL: Capabilities = {
  ...NAMED_LOCKS,
  gaps: {
    ...NAMED_LOCKS.gaps,
    'server queue':
      'GET_LOCK waits for whole seconds in MySQL, which is longer than a statement of a lock session may take: waiters are woken instead',
  },
}

/** The same with reader slots, which are names as well. */
function withSlots(capabilities: Capabilities): Capabilities {
  const { 'shared mode': _, conversion: __, ...gaps } = capabilities.gaps
  return { ...capabilities, gaps }
}

/** How the pools of one namespace keep their locks. */
export interface NamedLocksOptions {
  /** The claim that every lock session makes, if the table for it exists. */
  readonly claim: BackendClaim | null
  /** The number of reader slots of each key; 0 without shared mode. */
  readonly sharedSlots: number
}

const PLAIN: NamedLocksOptions = { claim: null, sharedSlots: 0 }

/** Named locks of MariaDB 10.6 and MySQL 8.0, and later, for one pool. */
export class MysqlDialect implements Dialect<MysqlConnection> {
  readonly hashOf: (keyId: string) => number = hashOf
  readonly #database: string | null
  readonly #claim: BackendClaim | null
  readonly #names: LockNames
  readonly #listeners: NotificationListeners
  readonly #onMariaDb: Capabilities
  readonly #onMysql: Capabilities
  #isMariaDb = true
  /** Whether a key was used that is another lock in MySQL. */
  #needsMariaDb = false

  /** `database` is the database of all connections, in the spelling of the program. */
  constructor(database: string | null, { claim, sharedSlots }: NamedLocksOptions = PLAIN) {
    this.#database = database
    this.#claim = claim
    this.#names = new LockNames(database)
    this.#listeners = new NotificationListeners(sharedSlots)
    this.#onMariaDb = sharedSlots === 0 ? NAMED_LOCKS : withSlots(NAMED_LOCKS)
    this.#onMysql = sharedSlots === 0 ? NAMED_LOCKS_OF_MYSQL : withSlots(NAMED_LOCKS_OF_MYSQL)
  }

  /** Until the first connection, the server is assumed to be MariaDB. */
  get can(): Capabilities {
    return this.#isMariaDb ? this.#onMariaDb : this.#onMysql
  }

  encodeKey(key: LockKey, namespace: string): KeyCode {
    if (isOnlyForMariaDb(key)) {
      if (!this.#isMariaDb) throw onlyForMariaDb()
      this.#needsMariaDb = true
    }
    return this.#names.key(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return this.#names.semaphore(key, permits, namespace)
  }

  async attach(
    connection: MysqlConnection,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    _another: BorrowSecond<MysqlConnection> | null,
  ): Promise<LockLink> {
    const server = LeasedConnection.serverOf(connection)
    leaseSeconds(settings.leaseMs)
    const unsubscribe = server.onEnd(ended)
    try {
      const found = await checkServer(server, this.#database)
      await putInForce(server, found, settings.leaseMs)
      if (this.#needsMariaDb && !found.isMariaDb) throw onlyForMariaDb()
      const facts = { ...found, tokenOffset: await this.#enter(server) }
      const fencing = await findFencing(server, facts, settings)
      await this.#claimBackend(server, facts.tokenOffset, typeof fencing !== 'string')
      this.#isMariaDb = facts.isMariaDb
      unsubscribe()
      return new MysqlLink(server, facts, fencing, settings, this.#listeners, ended)
    } catch (error) {
      // The pool resets the session, which releases its name.
      server.isUsed = true
      throw explain(error)
    }
  }

  async #enter(server: ServerConnection): Promise<bigint> {
    return this.#claim === null || this.#database === null
      ? 0n
      : enterNamespace(server, this.#claim.namespace)
  }

  /**
   * Records the backend. If that is not possible, locks work without the record, except with reader slots: pools with
   * different numbers of them would not exclude each other.
   */
  async #claimBackend(server: ServerConnection, tokenOffset: bigint, mayCreate: boolean): Promise<void> {
    const claim = this.#claim
    const { sharedSlots } = this.#listeners
    if (claim === null || this.#database === null) return
    try {
      const offset = await (mayCreate || sharedSlots > 0 ? claimBackendIfPossible : claimBackend)(
        server,
        claim,
      )
      if (offset !== tokenOffset)
        throw new ConnectionError('the locks of the namespace have just been moved to this backend')
    } catch (error) {
      if (!isPlaceGone(error)) throw error
      if (sharedSlots === 0) return
      throw new ModeUnsupportedError(
        `"sharedSlots" is recorded in the table lockpool_backend, so that all pools agree on it: it may not be created or used by this user (${explain(error).message})`,
        { cause: error },
      )
    }
  }

  async listen(connection: MysqlConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const server = LeasedConnection.serverOf(connection)
    try {
      const { isMariaDb } = await checkServer(server, this.#database)
      await server.say(settingsOf(isMariaDb, LISTENER_LEASE_S))
      const listener = new MysqlListener(server, this.#listeners, handlers)
      await listener.start()
      return listener
    } catch (error) {
      throw explain(error)
    }
  }

  guard(transaction: Queryable, guarded: Guarded): Promise<void> {
    return guard(transaction, guarded)
  }

  recordLeader(connection: MysqlConnection, record: LeaderRecord): Promise<void> {
    return recordLeader(LeasedConnection.serverOf(connection), record)
  }

  readLeader(connection: MysqlConnection, key: KeyCode): Promise<LeaderInfo | null> {
    return readLeader(LeasedConnection.serverOf(connection), key)
  }

  writeNames(connection: MysqlConnection, names: readonly NamedKey[]): Promise<void> {
    return writeNames(LeasedConnection.serverOf(connection), names)
  }

  /** There is no table for reports: see `keepsReports`. */
  async writeReports(): Promise<void> {}

  explain(error: unknown): LockError {
    return explain(error)
  }
}

function onlyForMariaDb(): InvalidKeyError {
  return new InvalidKeyError(
    'MySQL ignores the case of names of locks: a raw name has lower-case letters there, and at most 60 characters',
  )
}
