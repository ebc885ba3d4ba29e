import type { LockError } from '../base/errors.js'
import type { Capabilities } from './capabilities.js'
import type { LeaderInfo, LeaderRecord } from './leader.js'
import type { KeyCode, LockKey, LockMode } from './lock-key.js'
import type { BatchReply, LockOperation } from './lock-operation.js'
import type { NamedKey } from './named-key.js'
import type { PermitOperation, PermitReply, SemaphoreCode } from './permit-operation.js'
import type { Queryable } from './queryable.js'
import type { SeenTokens } from './seen-tokens.js'
import type { ServerName } from './server-name.js'
import type { ReleaseRequest } from './release-request.js'
import type { ReportRow } from './session-report.js'

/** The settings of every lock session. */
export interface LinkSettings {
  /** How long the server keeps the locks of a session without a sign of life, in milliseconds. */
  readonly leaseMs: number
  readonly fencing: 'auto' | 'off'
  /**
   * Whether each hold has a durable record, so that the next holder after an unclean end waits until the previous
   * lease is over.
   */
  readonly strict: boolean
  /** The name of this pool in messages to other processes. */
  readonly sender: string
  /** The tokens that sessions of this pool have received; they add to it. */
  readonly seen: SeenTokens
}

/**
 * Something that a session may hold at the server: a lock, a waiter registration (with or without an intent), or the
 * intent alone, which another process may have set first.
 */
export interface Holding {
  readonly key: KeyCode
  readonly what: LockMode | 'registration' | 'intent'
}

/**
 * How other pools use the server's lock table, in entries, from one pool's point of view. A session counts as at most
 * one pool.
 */
export interface TableUse {
  /** Pools that have announced something, of roles that may use lockpool here. */
  readonly pools: number
  /** The entries that those pools have announced. */
  readonly announced: number
  /** The same for other roles: pools of other databases, or any session that claims to be one. */
  readonly foreignPools: number
  readonly foreignAnnounced: number
  /** Advisory locks held by sessions of those roles. */
  readonly foreignHeld: number
  /** Advisory locks of sessions that have announced nothing. */
  readonly unannounced: number
  /** The cost of this query on the server, in milliseconds. */
  readonly costMs: number
}

/** The tables in which a process writes what people want to know of its locks, as far as its role may use them. */
export interface RecordTables {
  /** Whether `writeNames` has a table for the names of keys. */
  readonly keepsNames: boolean
  /** Whether `writeReports` has a table for the times of acquisition. */
  readonly keepsReports: boolean
  /** Whether there is a table of requests for its locks, read by `takeReleaseRequests`. Default false. */
  readonly receivesRequests?: boolean
}

/**
 * One connection in use for locks. Every call is a separate statement, answered in the order of the calls. A call
 * that rejects has left the connection usable, unless `ended` was called.
 */
export interface LockLink extends RecordTables {
  /** The server's id of this session: for PostgreSQL, the backend pid. */
  readonly serverId: number
  /** Which server this is; absent if that is unknown. */
  readonly server?: ServerName
  /** How many locks the server's table has room for, over all sessions. */
  readonly capacity: number
  /**
   * How many entries each connection adds to the lock table. If no connection used more, the table could not become
   * full.
   */
  readonly capacityPerSession: number
  /** The lease in force. In strict mode the database may have a shorter maximum than the configured one. */
  readonly leaseMs: number
  /** Why there are no fencing tokens, or null if there are. It may change with any answer. */
  readonly noFencing: string | null
  /**
   * In strict mode, no caller gets a grant for this long after the attach: another server may have been in use, and
   * its hold records are unknown here. 0 if that cannot be. Then any session may report its end with
   * `attachDelayEnded`.
   */
  readonly attachDelayMs: number
  /** What this server or role does not allow, and the consequence; null if nothing is missing. */
  readonly shortfall: string | null
  /** Carries out the operations, in order. There is one at least, and no two are about the same key. */
  run(operations: readonly LockOperation[]): Promise<BatchReply>

  /** How long one wait in the server's queue may last; 0 if there is none. Any answer may change it. */
  readonly longestWaitMs: number

  /**
   * Waits for the key in the server's own queue, behind the holder and all earlier waiters, for at most `waitMs` (and
   * no longer than `longestWaitMs`), and takes it. A release passes the key to the first waiter in the queue and wakes
   * no other. The answer is `free`, `granted`, `no` or `noRoom`. Later calls are answered after this one.
   */
  enqueue(operation: LockOperation, waitMs: number): Promise<BatchReply>

  /**
   * Carries out an operation on the permits of one semaphore. If it rejects, the server may have carried it out in
   * part.
   */
  permits(operation: PermitOperation): Promise<PermitReply>

  /**
   * Wakes the processes with a registration for any of the keys, and returns the ids of the keys that have one. Best
   * effort: a wake-up may be lost or repeated. Sent right after `run`, without waiting for its answer, it takes effect
   * after it.
   */
  notify(keys: readonly KeyCode[]): Promise<ReadonlySet<string>>

  /**
   * Whether another session waits for a key that this one holds, registered or in the server's queue. Wakes no
   * process.
   */
  isWanted(key: KeyCode): Promise<boolean>

  /**
   * Whether sessions, also those of other programs, wait for the key in the server's queue. It costs the server a walk
   * through all its locks.
   */
  isQueuedFor(key: KeyCode): Promise<boolean>

  /**
   * Tells the other waiting processes that this one has lost a race for the key, and has a ticket for the next turn.
   */
  sendTicket(key: KeyCode): Promise<void>

  /**
   * Sends a message of the lock layer, of at most 5900 bytes of UTF-8, to the other waiting processes. Only they can
   * read it, and only they can have sent it. Best effort, like a wake-up; not sent if this role does not know their
   * shared secret.
   */
  broadcast(message: string): Promise<void>

  /**
   * Announces to all sessions that the pool `sender` may use this many entries of the lock table, until this session
   * announces another number or ends. Until then the previous announcement stays in force.
   */
  announce(sender: string, entries: number): Promise<void>

  /** What all other pools announce and use. `ours` are the server's ids of this pool's own sessions. */
  tableUse(ours: readonly number[]): Promise<TableUse>

  /**
   * The lock-delay of a grant is over, and the key is still held: no later holder needs to wait for the same reason.
   * Best effort: if it is lost, a later holder waits unnecessarily.
   */
  delayEnded(key: KeyCode, mode: LockMode): Promise<void>

  /** `attachDelayMs` have passed. Best effort: if it is lost, another session waits unnecessarily. */
  attachDelayEnded(): Promise<void>

  /**
   * Whether `run` or `permits` rejected because a token could not be drawn. If so, none is drawn from now on, and the
   * operations may be repeated.
   */
  goesWithoutTokens(error: unknown): boolean

  /** Checks whether tokens are available by now; then `noFencing` is up to date. */
  findTokens(): Promise<void>

  /** The holder of a key, as text for a message; null if there is none, or this role may not see it. */
  holderOf(key: KeyCode): Promise<string | null>

  heartbeat(): Promise<void>

  /**
   * After a failed batch: makes the server hold exactly `expected` for this session, and returns the missing part of
   * it. Registrations and intents are never missing: the next attempt sets them again.
   */
  reconcile(expected: readonly Holding[]): Promise<readonly Holding[]>

  /** Undoes `attach`, so that the connection is free for another use. Nothing may be held. */
  detach(): Promise<void>

  /** See `Capabilities.renewedBy`. Default `statement`. */
  readonly renewedBy?: Capabilities['renewedBy']

  /**
   * The session has ended with all that it held, and all callers here know. For links without a connection of their
   * own, whose locks would otherwise stay until the lease is over. Never rejects.
   */
  abandon?(): Promise<void>
}

/** A connection that listens. */
export interface ListeningConnection {
  /** Resolves if notifications still arrive. A dead network reports nothing by itself. */
  check(): Promise<void>
  /**
   * Stops or resumes receiving on the public channel, where any role can send. Messages on the secret channel always
   * arrive.
   */
  receivePublic(strangers: boolean): Promise<void>
  /** Afterwards the connection is free for another use. */
  stop(): Promise<void>
}

/**
 * The handlers for notifications. `sender` is the process that sent a wake-up, ticket or message; in wake-ups and
 * tickets it can be forged.
 */
export interface NotificationHandlers {
  /** A message on the public channel, where any role can send. Called before the handler for its content. */
  onPublicMessage(): void
  onWakeUp(keyId: string, sender: string): void
  onTicket(keyId: string, sender: string): void
  onMessage(message: string, sender: string): void
  /** The connection has ended: no more notifications arrive. */
  onEnd(cause: Error): void
  /** Something is configured so that notifications cannot arrive, and waiters poll. */
  onProblem?(message: string): void
}

/** Provides a second connection while `use` runs, and checks it in afterwards, also after a failure. */
export type BorrowSecond<C> = <T>(use: (connection: C) => Promise<T>) => Promise<T>

/** Provides a connection for one statement to a session that borrows connections. */
export interface Borrow<C> {
  /**
   * Checks the connection in when `use` ends, also after a failure. If `use` fails and `isBroken` returns true, the
   * connection is closed.
   */
  <T>(use: (connection: C) => Promise<T>, isBroken: (error: unknown) => boolean): Promise<T>
}

/** The holder that is about to write or read a resource. */
export interface Guarded {
  readonly resource: string
  readonly token: bigint
  readonly mode: LockMode
}

/**
 * What the lock layer needs from a database. Another database is another folder with an implementation of this
 * interface.
 */
export interface Dialect<C extends object> {
  /** Default: `SESSION_LOCKS`. */
  readonly can?: Capabilities

  /** @throws {InvalidKeyError} if the key can't be one in this database. */
  encodeKey(key: LockKey, namespace: string): KeyCode

  /** The `hash` of the key with this id, if keys have one; for any other text, any number. */
  readonly hashOf?: (keyId: string) => number

  /** @throws {InvalidKeyError} if the key can't be one in this database. */
  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode

  /**
   * Makes a connection a lock session: checks that the server is suitable and the settings are in force. `ended` may
   * get a LockError, whose message explains why the locks of the session are lost. `another` provides a second
   * connection for checks that need two at once; null if there can be only one.
   *
   * @throws {LockError} what is wrong with the server, or with the connection to it
   */
  attach(
    connection: C,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    another: BorrowSecond<C> | null,
  ): Promise<LockLink>

  /**
   * Like `attach`, for a database whose lock sessions borrow connections. If it exists, `attach` is not called.
   * When the signal aborts, no statement is repeated, and everything that may have been written is removed before the
   * promise rejects.
   *
   * @throws {LockError} what is wrong with the server, or with the connection to it
   */
  join?(
    borrow: Borrow<C>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink>

  /** Starts listening. The connection must hold no locks: a paused client that listens can keep its session alive. */
  listen(connection: C, handlers: NotificationHandlers): Promise<ListeningConnection>

  /**
   * In the caller's own transaction: stores the token for the resource, and keeps the row locked until the transaction
   * ends.
   *
   * @throws {StaleTokenError} a later holder has stored a token
   * @throws {FencingUnavailableError} there is no table for it
   */
  guard(transaction: Queryable, guarded: Guarded): Promise<void>

  /**
   * Records the leader, unless a later one is recorded. Runs on a borrowed connection, because lock sessions are busy.
   *
   * @throws {FencingUnavailableError} there is no table for it
   */
  recordLeader(connection: C, record: LeaderRecord): Promise<void>

  /** The recorded exclusive holder of the key; null if there is none. Needs no privileges. */
  readLeader(connection: C, key: KeyCode): Promise<LeaderInfo | null>

  /** Records the names of keys for other sessions. Runs on a borrowed connection, because lock sessions are busy. */
  writeNames(connection: C, names: readonly NamedKey[]): Promise<void>

  /**
   * Records the reports of processes about their sessions. `clockMs` is the current time on the clock that the reports
   * use.
   */
  writeReports(connection: C, rows: readonly ReportRow[], clockMs: number): Promise<void>

  /** The tables of records that there are now. Absent if a session that has none never gets them. */
  findRecordTables?(connection: C): Promise<RecordTables>

  /** Takes the requests of other programs to holders on these sessions, each once. Runs on a borrowed connection. */
  takeReleaseRequests?(connection: C, serverIds: readonly number[]): Promise<readonly ReleaseRequest[]>

  /** The LockError for a failed operation. */
  explain(error: unknown): LockError
}
