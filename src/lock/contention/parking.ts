import type { LockError } from '../../base/errors.js'

/** What interest costs besides the key: itself and, for a writer, both halves of its mark; a session has 32 buckets at most. */
export const INTEREST_ENTRIES = 3

/** Whoever needs room in the server's lock table: the entry of a key, or of a semaphore. */
export interface Parked {
  /** It has turned out whether there is room. */
  proceed(): void
}

export interface ParkingLinks {
  room(entries: number): 'now' | 'later' | LockError
  makeRoom(): void
}

/** Those that wait until it is known whether there is room for them in the server's lock table. */
export class Parking {
  readonly #links: ParkingLinks
  /** How much each needs. */
  readonly #parked = new Map<Parked, number>()

  constructor(links: ParkingLinks) {
    this.#links = links
  }

  /** What they need, in all. */
  get entries(): number {
    let sum = 0
    for (const entries of this.#parked.values()) sum += entries
    return sum
  }

  admit(entry: Parked, entries: number): 'now' | 'later' | LockError {
    const room = this.#links.room(entries)
    if (room !== 'later') return room
    // Before the look begins, for it to count this one.
    this.#parked.set(entry, entries)
    this.#links.makeRoom()
    return room
  }

  settled(): void {
    const parked = [...this.#parked.keys()]
    this.#parked.clear()
    for (const entry of parked) entry.proceed()
  }

  leave(entry: Parked): void {
    if (this.#parked.size > 0) this.#parked.delete(entry)
  }
}
