import type { Clock } from '../../base/clock.js'

/** A member whose counter has stood still for the whole of its lease. */
export interface Standing {
  readonly id: string
  readonly beat: string
}

interface Seen {
  beat: string
  /** On our own clock, when the answer came in which its counter had this value first. */
  since: number
}

/** Those that somebody has marked dead and nobody has cleaned up behind for so many leases are cleaned up by whoever sees them. */
const LEFT_OVER_LEASES = 2

/**
 * Watches the counters of the other members. Two moments of one monotonic clock, our own, are compared: when the answer came
 * in which a counter had a value first, and when the last look was *sent* that found the same. No other clock takes part, so
 * clocks may be wrong, set, or of another server after a fail-over. A pause of ours makes it later, never too early.
 */
export class Observer {
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()
  /** Since when, by members that are marked dead. */
  readonly #deadSince = new Map<string, number>()
  #dead: readonly string[] = []
  #leftOver: string | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Seen to be marked dead. It never becomes wrong; who is gone from the table has no rows any more. */
  get dead(): readonly string[] {
    return this.#dead
  }

  /** Whether no living member has a lower id: what one of them has to do for all, this one does. */
  isLowest(id: number): boolean {
    for (const other of this.#seen.keys()) if (Number(other) < id) return false
    return true
  }

  /** One that somebody should have cleaned up behind. */
  get leftOver(): string | null {
    return this.#leftOver
  }

  /**
   * The answer to a look that was sent at `sentAt`: `id:beat:leaseMs:d` for each other member, with a `d` for one that is marked
   * dead. Returns those that may be buried, if their counters still stand there.
   */
  saw(others: string | null, sentAt: number): Standing[] {
    const now = this.#clock.now()
    const standing: Standing[] = []
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

  /** We have marked it ourselves. */
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
