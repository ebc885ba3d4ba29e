import type { Wait } from './waits.js'

/** A member is heard while one of its waiters stands there or before, or is among the first of a key that is passed on quickly. */
const NEAR = 2
const SOON_MS = 1000
const MOST_HEARD = 32

/** And for a while longer: beginning and ending are statements as well. */
const LINGER_MS = 2000

/** How many stand before it, and for how long each of those has the key. */
export interface Turn {
  readonly place: number
  readonly turnMs: number
}

export interface HeardChange {
  readonly begin: readonly string[]
  readonly end: readonly string[]
}

/**
 * For which members notifications are heard. Every session that listens is woken by every notification in its database,
 * whoever that is for. So only members listen whose turn is near.
 */
export class HeardMembers {
  readonly #heard = new Set<string>()
  #isChanging = false
  #neededAt = -Infinity

  has(memberId: string): boolean {
    return this.#heard.has(memberId)
  }

  get all(): readonly string[] {
    return [...this.#heard]
  }

  /** A notification has come. */
  isOfUse(now: number): void {
    this.#neededAt = now
  }

  /** What has to change; null: nothing, or a change is under way. `changed` has to follow when it is in force. */
  next(watched: ReadonlyMap<Wait, Turn>, now: number): HeardChange | null {
    if (this.#isChanging) return null
    const members = new Set<string>()
    for (const [{ memberId }, { place, turnMs }] of watched) {
      members.add(memberId)
      if (place <= NEAR || (place < MOST_HEARD && place * turnMs <= SOON_MS)) this.#neededAt = now
    }
    const isNeeded = now - this.#neededAt < LINGER_MS
    const begin = isNeeded ? [...members].filter((each) => !this.#heard.has(each)) : []
    const end = isNeeded || members.size === 0 ? [] : this.all
    if (begin.length + end.length === 0) return null
    this.#isChanging = true
    return { begin, end }
  }

  changed({ begin, end }: HeardChange): void {
    this.#isChanging = false
    for (const each of begin) this.#heard.add(each)
    for (const each of end) this.#heard.delete(each)
  }
}
