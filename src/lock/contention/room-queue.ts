import type { LockError } from '../../base/errors.js'

/**
 * The lock-table entries of a waiter registration, besides the key: the registration itself and, for a writer, both
 * halves of its intent; a session has at most 32 buckets.
 */
export const REGISTRATION_ENTRIES = 3

/** An entry that needs room in the server's lock table. */
export interface RoomRequester {
  /** The pool knows now whether there is room. */
  proceed(): void
}

export interface RoomQueueHost {
  room(entries: number): 'now' | 'later' | LockError
  makeRoom(): void
}

/** Entries that wait until the pool knows whether the server's lock table has room for them. */
export class RoomQueue {
  readonly #links: RoomQueueHost
  /** How much room each needs. */
  readonly #waiting = new Map<RoomRequester, number>()

  constructor(links: RoomQueueHost) {
    this.#links = links
  }

  /** How much room they need in total. */
  get entries(): number {
    let sum = 0
    for (const entries of this.#waiting.values()) sum += entries
    return sum
  }

  admit(entry: RoomRequester, entries: number): 'now' | 'later' | LockError {
    const room = this.#links.room(entries)
    if (room !== 'later') return room
    // Added before the look begins, so that the look counts this entry.
    this.#waiting.set(entry, entries)
    this.#links.makeRoom()
    return room
  }

  roomKnown(): void {
    const parked = [...this.#waiting.keys()]
    this.#waiting.clear()
    for (const entry of parked) entry.proceed()
  }

  leave(entry: RoomRequester): void {
    if (this.#waiting.size > 0) this.#waiting.delete(entry)
  }
}
