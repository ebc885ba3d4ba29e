import type { Clock } from '../../base/clock.js'
import type { Line } from '../contention/line.js'
import type { Session } from './session.js'
import type { Tenant } from './tenant.js'

/** A session that has just waited in line is likely to do so again: for so long, others go to other sessions if there are any. */
const ASIDE_MS = 2000

/**
 * Where somebody had to wait for a session because the only one waited in line, none does for so long. So with too few
 * connections the most that a wait in line can cost others is a tenth of a second out of ten.
 */
const REST_MS = 10_000

/** The only session does not wait for longer in one go: others may come for it. */
const ONLY_ONE_MS = 100

interface LineHost {
  readonly clock: Clock
  all(): readonly Session[]
  /** Whether keys may be put on it. */
  isUsable(session: Session): boolean
  /** Whether there is room for another. */
  mayOpen(): boolean
  /** Opens another, if there is room. */
  openForLine(): void
}

/** Which sessions wait in line in the server, each for one key, and which are left for all other keys. */
export class LineSessions implements Line {
  readonly #host: LineHost
  #restsUntil = 0
  /** Of all sessions, the latest. */
  #asideUntil = 0

  constructor(host: LineHost) {
    this.#host = host
  }

  mayLineUp(entry: Tenant): boolean {
    return this.#host.clock.now() >= this.#restsUntil && this.#aloneFor(entry) !== null
  }

  assignAlone(entry: Tenant): Session | null {
    const { session } = entry
    const alone = this.#aloneFor(entry)
    if (alone === null || alone === session) return session
    alone.clientAdded()
    session?.clientRemoved()
    return alone
  }

  longestWaitMs({ link }: Session): number {
    const mayBeAlone = this.#host.all().length < 2 && !this.#host.mayOpen()
    return mayBeAlone ? Math.min(link.longestWaitMs, ONLY_ONE_MS) : link.longestWaitMs
  }

  wantAlone(): void {
    this.#host.openForLine()
  }

  /** It begins to wait in line. */
  began(session: Session): void {
    session.asideUntil = this.#asideUntil = this.#host.clock.now() + ASIDE_MS
  }

  /** Every session waits in line, there can be no other, and somebody needs one. */
  isInTheWay(): void {
    this.#restsUntil = this.#host.clock.now() + REST_MS
  }

  /** The session with the least to do, of those that do not wait in line; if possible, none that soon will again. */
  leastUsed(): Session | null {
    const now = this.#asideUntil === 0 ? 0 : this.#host.clock.now()
    if (now >= this.#asideUntil) this.#asideUntil = 0
    let best: Session | null = null
    for (const session of this.#host.all()) {
      if (session.state === 'inLine' || !this.#host.isUsable(session)) continue
      if (best === null || isBetter(session, best, now)) best = session
    }
    return best
  }

  /** Whether it is about to wait in line again, as far as can be told, and is used for that. */
  isAside(session: Session): boolean {
    return session.clientCount > 0 && session.asideUntil > 0 && session.asideUntil > this.#host.clock.now()
  }

  #aloneFor({ session }: Tenant): Session | null {
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
