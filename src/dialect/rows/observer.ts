import type { Clock } from '../../base/clock.js'

/** A member whose counter has not moved for its whole lease. */
export interface SilentMember {
  readonly id: string
  readonly beat: string
}

interface Seen {
  beat: string
  /** When, on our own clock, the answer arrived in which the counter first had this value. */
  since: number
}

/** If a dead member was not cleaned up for this many leases, any member that sees it does so. */
const LEFT_OVER_LEASES = 2

/**
 * Watches the counters of the other members. It compares two times on one monotonic clock, its own: when the answer
 * arrived in which a counter first had a value, and when the last check was *sent* that found the same value. No other
 * clock takes part, so clocks may be wrong, change, or belong to another server after a failover. A pause of this
 * process makes it react later, never too early.
 */
export class Observer {
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()
  /** When this process first saw each dead member. */
  readonly #deadSince = new Map<string, number>()
  #dead: readonly string[] = []
  #leftOver: string | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The members that were seen dead. This never becomes wrong: a member that is missing in the table has no rows any
   * more.
   */
  get dead(): readonly string[] {
    return this.#dead
  }

  /** Whether no living member has a lower id. The lowest one does the work that one member must do for all. */
  isLowest(id: number): boolean {
    for (const other of this.#seen.keys()) if (Number(other) < id) return false
    return true
  }

  /** A dead member that was not cleaned up in time. */
  get leftOver(): string | null {
    return this.#leftOver
  }

  /**
   * Handles the answer to a check that was sent at `sentAt`: `id:beat:leaseMs:d` for each other member, with a `d` if
   * it is dead. Returns the members that may be declared dead, provided that their counters still have the same value.
   */
  saw(others: string | null, sentAt: number): SilentMember[] {
    const now = this.#clock.now()
    const standing: SilentMember[] = []
    const living = new Set<string>()
    const dead = new Set<string>()
    this.#leftOver = null
    for (const each of others === null ? [] : others.split(' ')) {
      const [id, beat, leaseMs, mark] = each.split(':') as [string, string, string, string]
      if (mark === 'd') {
        dead.add(id)
        this.#sawDead(id, now, Number(leaseMs))
        continue
      }
      living.add(id)
      const seen = this.#seen.get(id)
      if (seen === undefined || seen.beat !== beat) this.#seen.set(id, { beat, since: now })
      else if (sentAt - seen.since >= Number(leaseMs)) standing.push({ id, beat })
    }
    for (const id of this.#seen.keys()) if (!living.has(id)) this.#seen.delete(id)
    for (const id of this.#deadSince.keys()) if (!dead.has(id)) this.#deadSince.delete(id)
    this.#dead = [...this.#deadSince.keys()]
    return standing
  }

  /** This process has declared a member dead. */
  buried(id: string): void {
    this.#seen.delete(id)
    this.#deadSince.set(id, this.#clock.now())
    this.#dead = [...this.#deadSince.keys()]
  }

  #sawDead(id: string, now: number, leaseMs: number): void {
    const since = this.#deadSince.get(id)
    if (since === undefined) this.#deadSince.set(id, now)
    else if (now - since >= leaseMs * LEFT_OVER_LEASES) this.#leftOver = id
  }
}
