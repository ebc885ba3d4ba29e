import type { Wait } from './waits.js'

/**
 * A member listens while at most this many waiters are before one of its waiters, or while it is among the first
 * waiters of a key that passes quickly.
 */
const NEAR = 2
const SOON_MS = 1000
const MOST_BEFORE = 5

/**
 * It listens for a while longer, because starting and stopping to listen are statements too. If all its waiters have
 * more than `FAR` others before them, it stops at once: these two statements cost less than a wake-up for each hold of
 * the others.
 */
const LINGER_MS = 2000
const FAR = 8

/** The number of waiters before this one, and how long each holder has the key. */
export interface QueuePosition {
  readonly place: number
  readonly turnMs: number
}

export interface ListenChange {
  readonly begin: readonly string[]
  readonly end: readonly string[]
}

/**
 * Decides which members listen. PostgreSQL wakes every listening session at every notification in its database, for any
 * recipient. So a member listens only when its turn is near.
 */
export class ListenedMembers {
  readonly #listened = new Set<string>()
  #isChanging = false
  #neededAt = -Infinity

  has(memberId: string): boolean {
    return this.#listened.has(memberId)
  }

  get all(): readonly string[] {
    return [...this.#listened]
  }

  /** A notification has arrived. */
  notified(now: number): void {
    this.#neededAt = now
  }

  /**
   * Returns the necessary change, or null if there is none or a change is running. The caller must call `changed` once
   * the change is in force.
   */
  next(watched: ReadonlyMap<Wait, QueuePosition>, now: number): ListenChange | null {
    if (this.#isChanging) return null
    const members = new Set<string>()
    let isFar = true
    for (const [{ memberId }, { place, turnMs }] of watched) {
      members.add(memberId)
      if (place <= FAR) isFar = false
      if (place <= NEAR || (place <= MOST_BEFORE && place * turnMs <= SOON_MS)) this.#neededAt = now
    }
    const isNeeded = !isFar && now - this.#neededAt < LINGER_MS
    const begin = isNeeded ? [...members].filter((each) => !this.#listened.has(each)) : []
    const end = isNeeded || members.size === 0 ? [] : this.all
    if (begin.length + end.length === 0) return null
    this.#isChanging = true
    return { begin, end }
  }

  changed({ begin, end }: ListenChange): void {
    this.#isChanging = false
    for (const each of begin) this.#listened.add(each)
    for (const each of end) this.#listened.delete(each)
  }
}
