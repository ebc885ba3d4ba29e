import type { Clock } from '../../base/clock.js'
import { RateLimit } from '../rate-limit.js'
import type { Session } from './session.js'
import type { SessionRequester } from './session-requester.js'

/**
 * A session that has just waited in the server's queue is likely to do so again: for this long, other keys go to other
 * sessions if there are any.
 */
const ASIDE_MS = 2000

/**
 * If a caller had to wait for a session because the only one waited in the queue, no session queues for this long. So
 * with too few connections a wait in the queue costs others at most a tenth of a second out of ten.
 */
const REST_MS = 10_000

/** The only session does not wait longer than this at a time: other keys may need it. */
const ONLY_ONE_MS = 100

/**
 * No answer comes during a wait, and before it there may be none for a third of the lease: the lease must not be over by
 * then. Waits are shorter because of this only with leases below three seconds.
 */
const OF_LEASE = 0.25

/** Each look takes the server a walk through all its locks. */
const LOOKS_PER_SECOND = 4

interface QueueSessionsHost {
  readonly clock: Clock
  all(): readonly Session[]
  /** Whether keys may be assigned to it. */
  isUsable(session: Session): boolean
  /** Whether there is room for another session. */
  mayOpen(): boolean
  /** Opens another session. */
  open(): void
}

/**
 * The sessions, as seen by an entry that wants to wait in the server's queue: it needs one without other keys, because
 * they would wait as well.
 */
export interface ServerQueue {
  /** Whether there is a session that the entry can have to itself now. */
  mayEnqueue(entry: SessionRequester): boolean
  /** Moves the entry to that session; null if there is none any more. */
  assignAlone(entry: SessionRequester): Session | null
  /** How long the entry may wait there: less if no other key could have a session meanwhile. */
  longestWaitMs(session: Session): number
  /** A session that does not wait in the queue; null if each of them does, or there is none. */
  leastUsed(): Session | null
  /** Whether the server may be asked now who waits in its queue. The look is costly, and polls are many. */
  mayLook(): boolean
  /** The entry would wait in the queue if it had a session to itself. */
  wantAlone(): void
}

/** Which sessions wait in the server's queue, each for one key, and which are available for all other keys. */
export class QueueSessions implements ServerQueue {
  readonly #host: QueueSessionsHost
  readonly #looks: RateLimit
  #restsUntil = 0
  /** The latest `asideUntil` of all sessions. */
  #asideUntil = 0

  constructor(host: QueueSessionsHost) {
    this.#host = host
    this.#looks = new RateLimit(host.clock, LOOKS_PER_SECOND)
  }

  mayEnqueue(entry: SessionRequester): boolean {
    return this.#host.clock.now() >= this.#restsUntil && this.#aloneFor(entry) !== null
  }

  assignAlone(entry: SessionRequester): Session | null {
    const { session } = entry
    const alone = this.#aloneFor(entry)
    if (alone === null || alone === session) return session
    alone.clientAdded()
    session?.clientRemoved()
    return alone
  }

  longestWaitMs({ link }: Session): number {
    const longestMs = Math.min(link.longestWaitMs, Math.floor(link.leaseMs * OF_LEASE))
    const mayBeAlone = this.#host.all().length < 2 && !this.#host.mayOpen()
    return mayBeAlone ? Math.min(longestMs, ONLY_ONE_MS) : longestMs
  }

  mayLook(): boolean {
    return this.#looks.spend()
  }

  wantAlone(): void {
    // If the server has no queue, another session would not help.
    const isOfUse = this.#host.all().some(({ link }) => link.longestWaitMs > 0)
    if (isOfUse && this.#host.mayOpen()) this.#host.open()
  }

  /** The session begins to wait in the queue. */
  began(session: Session): void {
    session.asideUntil = this.#asideUntil = this.#host.clock.now() + ASIDE_MS
  }

  /** Every session waits in the queue, no other can be opened, and a caller needs one. */
  isInTheWay(): void {
    this.#restsUntil = this.#host.clock.now() + REST_MS
  }

  /** The session with the fewest keys among those that do not wait in the queue; preferably one that will not do so soon. */
  leastUsed(): Session | null {
    const now = this.#asideUntil === 0 ? 0 : this.#host.clock.now()
    if (now >= this.#asideUntil) this.#asideUntil = 0
    let best: Session | null = null
    for (const session of this.#host.all()) {
      if (session.state === 'queued' || !this.#host.isUsable(session)) continue
      if (best === null || isBetter(session, best, now)) best = session
    }
    return best
  }

  /** Whether the session will probably wait in the queue again soon, and is in use for that. */
  isAside(session: Session): boolean {
    return session.clientCount > 0 && session.asideUntil > 0 && session.asideUntil > this.#host.clock.now()
  }

  #aloneFor({ session }: SessionRequester): Session | null {
    let empty: Session | null = null
    for (const each of this.#host.all()) {
      if (each.link.longestWaitMs === 0 || !this.#host.isUsable(each)) continue
      if (each === session && each.clientCount === 1) return each
      if (each.isUnused) empty = each
    }
    return empty
  }
}

function isBetter(session: Session, best: Session, now: number): boolean {
  const isAside = session.asideUntil > now
  if (isAside !== best.asideUntil > now) return !isAside
  return session.clientCount < best.clientCount
}
