import type { Cancel, Clock, Instant } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { ConnectionError, LockError, PoolClosedError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import { Unfinished } from '../../base/unfinished.js'
import { SESSION_LOCKS } from '../../dialect/capabilities.js'
import type { Dialect, LinkSettings, LockLink } from '../../dialect/dialect.js'
import type { Agenda } from '../agenda/agenda.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Lease } from '../../pool/lease.js'
import type { Client } from './outgoing-batch.js'
import { QueueSessions } from './server-queue.js'
import { SessionOpener } from './session-opener.js'
import { Session, type SessionHost, type SessionState } from './session.js'
import type { SessionRequester } from './session-requester.js'
import { WaitingEntries } from './waiting-entries.js'

/**
 * From this many keys per session, another session is opened if there is room. The server needs time for every statement
 * in proportion to the locks of its session (about 60 ns each), and two sessions keep two server processes busy.
 */
const SPREAD_FROM = 200

/** How soon the pool looks for a session again if a connection could be opened, but was not suitable. */
const LOOK_AGAIN_MS = 300

export interface SessionsHost extends Pick<
  SessionHost,
  'agenda' | 'clock' | 'arrivals' | 'warn' | 'tokensChanged' | 'clientsOf'
> {
  /** Called before the session's first lock; if it rejects, there is no session. */
  joined(link: LockLink): Promise<void>
  detached(link: LockLink): void
  opened(session: Session): void
  moved(session: Session, from: SessionState): void
  lost(session: Session, reason: string, locks: number, cause?: Error): void
}

export interface SessionsOptions {
  /** Sessions never take more connections than this from the pool. */
  readonly limit: number
  /** The most connections of the pool. */
  readonly max: number
  readonly idleTimeoutMs: number
  readonly link: LinkSettings
}

/** The lock sessions of this process: which one a key is assigned to, when another is opened, and when one is checked in. */
export class Sessions<C extends object> implements SessionHost {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly wants: SessionHost['wants']
  readonly #pool: ConnectionPool<C>
  readonly #dialect: Dialect<C>
  readonly #options: SessionsOptions
  readonly #host: SessionsHost
  /** Null for a session that borrows connections. */
  readonly #connections = new Map<Session, (C & Lease) | null>()
  /** The keys of `#connections`, walked at every lock: a walk over the map would cost more than all else there. */
  #sessions: readonly Session[] = []
  readonly #idleSince = new Map<Session, number>()
  /** Sessions that take no more keys, because the pool needs their connection. */
  readonly #leaving = new Set<Session>()
  readonly #waitingEntries: WaitingEntries<SessionRequester>
  readonly serverQueue: QueueSessions
  readonly #opener: SessionOpener<C>
  readonly #opening = new Set<AbortController>()
  /** Work that may still use connections: attempts to open a session, and sessions that are retired or abandoned. */
  readonly #unfinished = new Unfinished()
  #readiness: Deferred<void> | null = null
  #lastFailure: LockError | null = null
  #nextId = 1
  #cancelSweep: Cancel | null = null
  #isClosed = false

  constructor(pool: ConnectionPool<C>, dialect: Dialect<C>, options: SessionsOptions, host: SessionsHost) {
    this.#pool = pool
    this.#dialect = dialect
    this.#options = options
    this.#host = host
    this.agenda = host.agenda
    this.clock = host.clock
    this.wants = options.link
    this.#waitingEntries = new WaitingEntries(host.clock, () => this.#openOne())
    this.serverQueue = new QueueSessions({
      clock: host.clock,
      all: () => this.#sessions,
      isUsable: (session) => this.#isUsable(session),
      mayOpen: () => this.#mayOpenForLine(),
      open: () => this.#openOne(),
    })
    this.#opener = new SessionOpener(pool, dialect, options, {
      clock: host.clock,
      joined: (link) => host.joined(link),
      detached: (link) => host.detached(link),
      make: (...parts) => this.#make(...parts),
      spare: (session) => this.#spare(session),
      abandon: (link) => this.#abandon(link),
      unfinished: (work) => this.#unfinished.add(work),
    })
  }

  get all(): readonly Session[] {
    return this.#sessions
  }

  /** The number of users of all sessions. */
  get keys(): number {
    let keys = 0
    for (const session of this.#sessions) keys += session.clientCount
    return keys
  }

  get arrivals(): number {
    return this.#host.arrivals
  }

  /** Why the last attempt to open a session failed, if none has succeeded since; or that the server is silent. */
  get lastFailure(): LockError | null {
    return this.#lastFailure ?? (this.#opening.size > 0 ? this.#pool.openingTrouble : null)
  }

  /** Resolves when there is a session, which shows that the server is suitable; rejects when there cannot be one. */
  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new PoolClosedError())
    if (this.#connections.size > 0) return Promise.resolve()
    this.#readiness ??= new Deferred()
    const { promise } = this.#readiness
    this.#openOne()
    return promise
  }

  /**
   * The session with the fewest keys. Null if there is none: then the entry is notified when there is one, or that
   * there can't be one.
   */
  assign(entry: SessionRequester): Session | null {
    const session = this.serverQueue.leastUsed()
    if (session === null || session.clientCount >= SPREAD_FROM || this.serverQueue.isAside(session))
      this.#openOne()
    if (session === null) this.#waitForOne(entry)
    else session.clientAdded()
    return session
  }

  unassign(entry: SessionRequester): void {
    entry.session?.clientRemoved()
    if (this.#waitingEntries.size === 0 || !this.#waitingEntries.delete(entry) || this.#readiness !== null)
      return
    // No entry waits for a connection any more: leave the pool's queue.
    for (const opening of this.#opening) this.agenda.defer(() => opening.abort())
  }

  /** Checks in sessions without locks; sessions with locks are lost. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelSweep?.()
    this.#cancelSweep = null
    this.#readiness?.reject(new PoolClosedError())
    this.#readiness = null
    for (const opening of this.#opening) opening.abort()
    this.#waitingEntries.takeAll()
    for (const session of this.#sessions) {
      if (session.isUnused) this.#unfinished.add(this.#checkIn(session))
      else session.lose('the pool was closed')
    }
    await this.#unfinished.ended()
  }

  /** A session that borrows connections does not end with a connection, so this ends it. */
  #abandon(link: LockLink): void {
    const parting = link.abandon?.()
    if (parting !== undefined) this.#unfinished.add(parting)
  }

  clientsOf(session: Session): readonly Client[] {
    return this.#host.clientsOf(session)
  }

  explain(error: unknown): LockError {
    return this.#dialect.explain(error)
  }

  warn(message: string, error?: Error): void {
    this.#host.warn(message, error)
  }

  tokensChanged(noFencing: string | null): void {
    this.#host.tokensChanged(noFencing)
  }

  moved(session: Session, from: SessionState): void {
    this.#host.moved(session, from)
    if (session.state === 'queued') this.serverQueue.began(session)
    else if (from === 'queued' && this.#waitingEntries.size > 0 && this.#isUsable(session))
      this.#serveWaitingEntries()
    if (session.state === 'idle') {
      this.#idleSince.set(session, this.clock.now())
      // Some waiters for a connection may be our own sessions: this one is as good.
      const isWanted = this.#pool.waitingCount > this.#opening.size
      if (this.#leaving.has(session) || isWanted) this.#retireIfIdle(session)
    } else this.#idleSince.delete(session)
  }

  /** Deferred, because a check-in may call listeners of the connection pool. Meanwhile the session may be used again. */
  #retireIfIdle(session: Session): void {
    this.agenda.defer(() => {
      if (session.isUnused) this.#unfinished.add(this.#checkIn(session))
    })
  }

  lost(session: Session, reason: string, locks: number, cause?: Error): void {
    const connection = this.#takeConnection(session)
    this.agenda.defer(() => {
      connection?.release(cause ?? true)
      this.#abandon(session.link)
    })
    this.#host.lost(session, reason, locks, cause)
  }

  #waitForOne(entry: SessionRequester): void {
    this.#waitingEntries.add(entry)
    const isComing = this.#opening.size > 0 && !this.#pool.isLentOut
    if (!isComing && this.#sessions.length > 0) this.serverQueue.isInTheWay()
  }

  /** Whether keys may be assigned to it. */
  #isUsable(session: Session): boolean {
    return !session.isOver && (this.#leaving.size === 0 || !this.#leaving.has(session))
  }

  /** A wait in the server's queue does not justify taking a connection from a borrower. */
  #mayOpenForLine(): boolean {
    const { idleCount, totalCount } = this.#pool
    const { limit, max } = this.#options
    return this.#connections.size < limit && (idleCount > 0 || totalCount < max)
  }

  #openOne(): void {
    const usable = this.#connections.size - this.#leaving.size
    const limit = Math.min(this.#options.limit, (this.#dialect.can ?? SESSION_LOCKS).sessions)
    const isPausing = this.#waitingEntries.isPausing && this.#readiness === null
    if (isPausing || this.#opening.size > 0 || usable >= limit || this.#isClosed) return
    const opening = new AbortController()
    this.#opening.add(opening)
    this.agenda.defer(() => {
      const attempt = this.#opener.open(opening.signal).then(
        (session) => {
          this.#opening.delete(opening)
          this.#opened(session)
        },
        (error: unknown) => {
          this.#opening.delete(opening)
          this.#openFailed(error, opening.signal.aborted)
        },
      )
      this.#unfinished.add(attempt)
    })
  }

  /** The session must be known before its connection can be reported as ended. */
  #make(link: LockLink, renewedAt: Instant, connection: (C & Lease) | null): Session {
    const session = new Session(this.#nextId++, link, renewedAt, this)
    this.#connections.set(session, connection)
    this.#sessions = [...this.#connections.keys()]
    return session
  }

  #opened(session: Session): void {
    // It may have ended before it was known.
    if (session.isOver) return this.#openFailed(new ConnectionError('the session ended at once'), false)
    this.#lastFailure = null
    this.#host.opened(session)
    this.#readiness?.resolve()
    this.#readiness = null
    if (this.#isClosed) return session.lose('the pool was closed')
    session.start()
    if (session.state === 'idle') this.#idleSince.set(session, this.clock.now())
    this.#cancelSweep ??= this.clock.after(this.#options.idleTimeoutMs, () => this.#sweep())
    this.#serveWaitingEntries()
  }

  /** Each entry asks again for everything that it needs, because the first of them may have found the session lost. */
  #serveWaitingEntries(): void {
    this.agenda.run(() => {
      for (const entry of this.#waitingEntries.takeAll()) entry.proceed()
    })
  }

  #openFailed(error: unknown, isGivenUp: boolean): void {
    // No entry wanted it any more; but one may have come since.
    const isWanted = this.#waitingEntries.size > 0 || this.#readiness !== null
    if (isGivenUp) return isWanted && !this.#isClosed ? this.#openOne() : undefined
    const failure = (this.#lastFailure = this.#dialect.explain(error))
    this.#readiness?.reject(failure)
    this.#readiness = null
    this.agenda.run(() => this.#waitingEntries.failed(failure, this.#pool.openingPauseMs || LOOK_AGAIN_MS))
  }

  /** Another user wants a connection: returns whether this one will be free soon. */
  #spare(session: Session): boolean {
    if (session.isUnused) {
      this.#unfinished.add(this.#checkIn(session))
      return true
    }
    if (this.#options.max > 1) return false
    this.#leaving.add(session)
    if (this.#waitingEntries.size > 0) this.#openOne()
    return true
  }

  /**
   * Never rejects: a connection that cannot be reset is closed. So is one that is silent for a lease, as at any other
   * time: its heartbeats have stopped, and a caller that needs the connection would wait forever.
   */
  async #checkIn(session: Session): Promise<void> {
    const connection = this.#takeConnection(session)
    try {
      const { leaseMs } = this.#options.link
      const late = (): Error => new ConnectionError(`the server did not answer within ${leaseMs} ms`)
      await inTime(this.clock, leaseMs, session.close(), late)
      connection?.release()
    } catch (error) {
      connection?.release(error as Error)
    }
  }

  #takeConnection(session: Session): (C & Lease) | null | undefined {
    const connection = this.#connections.get(session)
    this.#connections.delete(session)
    this.#sessions = [...this.#connections.keys()]
    this.#leaving.delete(session)
    this.#idleSince.delete(session)
    this.#host.detached(session.link)
    if (this.#waitingEntries.size > 0) this.#openOne()
    return connection
  }

  /** Checks in sessions that have been unused for `idleTimeoutMs`; the pool then decides about the connection. */
  #sweep(): void {
    this.#cancelSweep = null
    const now = this.clock.now()
    for (const [session, since] of [...this.#idleSince]) {
      if (session.isUnused && now - since >= this.#options.idleTimeoutMs)
        this.#unfinished.add(this.#checkIn(session))
    }
    if (this.#connections.size === 0) return
    this.#cancelSweep = this.clock.after(this.#options.idleTimeoutMs, () => this.#sweep())
  }
}
