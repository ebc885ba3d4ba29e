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

/** What the lock layer asks of every lock session. */
export interface LinkSettings {
  /** The server frees a session's locks this long after it last heard of it. Milliseconds. */
  readonly leaseMs: number
  readonly fencing: 'auto' | 'off'
  /**
   * Whether holds are marked durably, so that whoever gets a key after an unclean end is told to wait until nobody can
   * believe any more to have it.
   */
  readonly strict: boolean
  /** Names this pool in what it tells others. */
  readonly sender: string
  /** What the sessions of this pool have been given so far; they add to it. */
  readonly seen: SeenTokens
}

/**
 * Something a session may have at the server: a lock, interest in one (with a waiting writer's mark or without), or the mark
 * alone, which others may have been quicker to set.
 */
export interface Holding {
  readonly key: KeyCode
  readonly what: LockMode | 'registration' | 'intent'
}

/** What others use of the server's lock table, in entries, from one pool's point of view. A session counts as one pool at most. */
export interface TableUse {
  /** Pools that have announced something, of roles that may use lockpool here. */
  readonly pools: number
  /** What those have announced. */
  readonly announced: number
  /** The same of other roles: pools of other databases, or anybody who says so. */
  readonly foreignPools: number
  readonly foreignAnnounced: number
  /** Locks of our kind that sessions of those hold. */
  readonly foreignHeld: number
  /** Locks of our kind that sessions hold without having announced anything. */
  readonly unannounced: number
  /** What it has cost the server to find out, in milliseconds. */
  readonly costMs: number
}

/**
 * One connection in use for locks. Every call is one statement of its own, answered in the order of the calls. A call
 * that rejects has left the connection usable, unless `ended` was called.
 */
export interface LockLink {
  /** What the server calls this session: for PostgreSQL its backend's process id. */
  readonly serverId: number
  /** Which server this is; left out where that can't be told. */
  readonly server?: ServerName
  /** How many locks the server's table has room for, over all sessions. */
  readonly capacity: number
  /** How many entries of it each connection brings: if none used more, it could not be filled. */
  readonly capacityPerSession: number
  /** The lease in force: in strict mode the database may have decided on a shorter one than was asked for. */
  readonly leaseMs: number
  /** Why there are no fencing tokens, or null if there are. It may change with any answer. */
  readonly noFencing: string | null
  /**
   * So long after the attach strict pools must tell nobody of a grant, because another server may have been in use whose marks
   * are not known here; 0 if that is not to be feared. When it is over, any session may say so, with `settle`.
   */
  readonly attachDelayMs: number
  /** What this server or role does not allow, with the consequence; null if nothing is missing. */
  readonly shortfall: string | null
  /** Whether there is a place where the names of keys are to be written, by `writeNames`. */
  readonly keepsNames: boolean
  /** Whether there is a place to say since when its locks are held, by `writeReports`. */
  readonly keepsReports: boolean
  /** Whether there is a place where other programs ask for its locks, read by `takeReleaseRequests`. Default false. */
  readonly hearsRequests?: boolean

  /** Carries out the operations, in order. There is one at least, and no two are about the same key. */
  run(operations: readonly LockOperation[]): Promise<BatchReply>

  /** How long it may wait for a key in the server; 0 if it can't. It may change with any answer. */
  readonly longestWaitMs: number

  /**
   * Waits for the key in the server's own queue, for `waitMs` at most (and no longer than `longestWaitMs`), behind all others who wait there and have it, and
   * takes it. Whoever gives it up thereby gives it to the first in line, and wakes nobody else. Answers `free`, `granted` or
   * `no`. Whatever is asked meanwhile is answered behind it.
   */
  enqueue(operation: LockOperation, waitMs: number): Promise<BatchReply>

  /** Carries out what is asked about the permits of one semaphore. If it rejects, it may have been carried out in part. */
  permits(operation: PermitOperation): Promise<PermitReply>

  /**
   * Wakes those processes that are interested in any of the keys, and answers the ids of the keys that somebody is. A hint:
   * it may get lost, or come twice. Sent right behind `run`, without waiting for its answer, it takes effect after it.
   */
  notify(keys: readonly KeyCode[]): Promise<ReadonlySet<string>>

  /** Whether another session waits for a key that this one holds, asleep or in line. Wakes nobody. */
  isWanted(key: KeyCode): Promise<boolean>

  /**
   * Whether sessions wait for the key in the server's own queue, those of other programs included. It costs the server a look
   * at all its locks.
   */
  isQueuedFor(key: KeyCode): Promise<boolean>

  /** Tells the other waiting processes that this one has lost a race for the key and asks for the next turn. */
  sendTicket(key: KeyCode): Promise<void>

  /**
   * Tells the other waiting processes something of the lock layer's own, at most 5900 bytes of UTF-8: so that only they can
   * read it, and nobody else can say it. A hint, like a ring; told to nobody where this role does not know what they share.
   */
  broadcast(message: string): Promise<void>

  /**
   * Announces for all to see that the pool `sender` may use so many entries of the lock table, until this session says
   * otherwise or ends. What it announced before stands until then.
   */
  announce(sender: string, entries: number): Promise<void>

  /** What all others announce, and use. `ours` are the server's numbers of the sessions that are not others. */
  tableUse(ours: readonly number[]): Promise<TableUse>

  /**
   * The delay that came with a grant has been waited out, and the key is still held: nobody else need wait for the same.
   * A hint: if it gets lost, somebody waits for nothing.
   */
  delayEnded(key: KeyCode, mode: LockMode): Promise<void>

  /** `attachDelayMs` have passed. A hint: if it gets lost, somebody waits for nothing. */
  attachDelayEnded(): Promise<void>

  /**
   * Whether `run` or `permits` rejected with `error` because of the tokens that were to be drawn. If so, from now on none are:
   * what was asked for may be asked for again.
   */
  goesWithoutTokens(error: unknown): boolean

  /** Looks whether there are tokens by now; `noFencing` says so afterwards. */
  findTokens(): Promise<void>

  /** Who has a key, in words for a message; null if nobody has, or we may not see who. */
  holderOf(key: KeyCode): Promise<string | null>

  heartbeat(): Promise<void>

  /**
   * After a failed batch: makes the server hold exactly `expected` for this session, and answers what of it was missing.
   * Interest and marks are never missing: the next attempt sets them again.
   */
  reconcile(expected: readonly Holding[]): Promise<readonly Holding[]>

  /** Undoes `attach`, so that the connection can be used for something else. Nothing may be held. */
  detach(): Promise<void>

  /** As `Capabilities.renewedBy`. Default `statement`. */
  readonly renewedBy?: Capabilities['renewedBy']

  /**
   * The session is given up with all it holds, and everybody here has been told. For links that no connection belongs to,
   * whose locks would otherwise stay until the lease is over. Never rejects.
   */
  abandon?(): Promise<void>
}

/** A connection that listens. */
export interface ListeningConnection {
  /** Resolves if what is said can still be heard. A network that has gone dark says nothing of itself. */
  check(): Promise<void>
  /** Hears nothing more of those who may be anybody, or does again. What processes say under their secret it always hears. */
  receivePublic(strangers: boolean): Promise<void>
  /** The connection can be used for something else then. */
  stop(): Promise<void>
}

/** Whom a listening connection tells. `sender` is who rang, claimed or told; of rings and claims that may be made up. */
export interface NotificationHandlers {
  /** One more message has come that may be anybody's. It is told of before what it says. */
  onPublicMessage(): void
  onWakeUp(keyId: string, sender: string): void
  onTicket(keyId: string, sender: string): void
  onMessage(message: string, sender: string): void
  /** The connection ended: nothing is heard any more. */
  onEnd(cause: Error): void
}

/** Lends a second connection while `use` runs, and takes it back however that ends. */
export type BorrowSecond<C> = <T>(use: (connection: C) => Promise<T>) => Promise<T>

/** Where a session that needs a connection only for the length of a statement borrows one. */
export interface Borrow<C> {
  /** Takes the connection back however `use` ends; one that `use` fails on is not used again if `isBroken` says so. */
  <T>(use: (connection: C) => Promise<T>, isBroken: (error: unknown) => boolean): Promise<T>
}

/** Who is about to write what, or to read it. */
export interface Guarded {
  readonly resource: string
  readonly token: bigint
  readonly mode: LockMode
}

/** What the lock layer needs to know of a database. A second database is a second folder, and nothing else. */
export interface Dialect<C extends object> {
  /** Default: `SESSION_LOCKS`. */
  readonly can?: Capabilities

  /** @throws {InvalidKeyError} if the key can't be one in this database. */
  encodeKey(key: LockKey, namespace: string): KeyCode

  /** The `hash` of the key with this id, where keys have one; of what is no id, any number. */
  readonly hashOf?: (keyId: string) => number

  /** @throws {InvalidKeyError} if the key can't be one in this database. */
  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode

  /**
   * Makes a connection a lock session: checks that the server will do, and that the settings are in force. `ended` may
   * be told a LockError, whose message then says why the locks of the session are lost. `another` is for checks that need
   * two connections at once; it is null where there can't be two.
   *
   * @throws {LockError} saying what is wrong with the server, or between us and it.
   */
  attach(
    connection: C,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    another: BorrowSecond<C> | null,
  ): Promise<LockLink>

  /**
   * As `attach`, for a database whose lock sessions belong to no connection. Where it is there, `attach` is not called.
   * When the signal aborts, no statement of it is repeated, and what it may have written is removed before it rejects.
   *
   * @throws {LockError} saying what is wrong with the server, or between us and it.
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
   * In the caller's own transaction: stores the token for the resource, and keeps what is stored until that ends.
   *
   * @throws {StaleTokenError} a later holder has been there
   * @throws {FencingUnavailableError} there is nowhere to store it
   */
  guard(transaction: Queryable, guarded: Guarded): Promise<void>

  /**
   * Writes down who leads, unless a later leader has. On a borrowed connection: a lock session has no time for it.
   *
   * @throws {FencingUnavailableError} there is nowhere to write it
   */
  recordLeader(connection: C, record: LeaderRecord): Promise<void>

  /** Who holds the key exclusively, by what was written down; null if nobody does. Needs no rights. */
  readLeader(connection: C, key: KeyCode): Promise<LeaderInfo | null>

  /** Writes down what keys are called, for others to see. On a borrowed connection: a lock session has no time for it. */
  writeNames(connection: C, names: readonly NamedKey[]): Promise<void>

  /** Writes down what processes say of their sessions, for others to see: `clockMs` is now, by the clock they speak of. */
  writeReports(connection: C, rows: readonly ReportRow[], clockMs: number): Promise<void>

  /** Requests of other programs to holders of locks on these sessions, each of them once. On a borrowed connection. */
  takeReleaseRequests?(connection: C, serverIds: readonly number[]): Promise<readonly ReleaseRequest[]>

  /** What a failed operation means for its caller. */
  explain(error: unknown): LockError
}
