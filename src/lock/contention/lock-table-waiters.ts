import type { LockError } from '../../base/errors.js'

/**
 * The lock-table entries of a waiter registration, besides the key: the registration itself and, for a writer, both
 * halves of its intent; a session has at most 32 buckets.
 */
export const REGISTRATION_ENTRIES = 3

/** An entry that needs room in the server's lock table. */
export interface LockTableRequester {
  /** The pool knows now whether there is room. */
  proceed(): void
}

export interface LockTableWaitersHost {
  room(entries: number): 'now' | 'later' | LockError
  makeRoom(): void
}

/** Entries that wait until the pool knows whether the server's lock table has room for them. */
export class LockTableWaiters {
  readonly #host: LockTableWaitersHost
  /** How much room each needs. */
  readonly #waiting = new Map<LockTableRequester, number>()

  constructor(host: LockTableWaitersHost) {
    this.#host = host
  }

  /** How much room they need in total. */
  get entries(): number {
    let sum = 0
    for (const entries of this.#waiting.values()) sum += entries
    return sum
  }

  admit(entry: LockTableRequester, entries: number): 'now' | 'later' | LockError {
    const room = this.#host.room(entries)
    if (room !== 'later') return room
    // Added before the look begins, so that the look counts this entry.
    this.#waiting.set(entry, entries)
    this.#host.makeRoom()
    return room
  }

  roomKnown(): void {
    const parked = [...this.#waiting.keys()]
    this.#waiting.clear()
    for (const entry of parked) entry.proceed()
  }

  leave(entry: LockTableRequester): void {
    if (this.#waiting.size > 0) this.#waiting.delete(entry)
  }
}
