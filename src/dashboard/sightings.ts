import type { AgeJson, HolderJson, LockJson, WaiterJson } from './state-json.js'

interface Sighting {
  readonly since: number
  /** When it was not there yet; null for what was there at the first look. */
  readonly notBefore: number | null
  readonly isWait: boolean
}

/** What was seen from its beginning to its end, as long as it then was. */
export interface Seen {
  waited(ms: number): void
  held(ms: number): void
}

/** Of looks that are further apart, nothing can be said about what happened between them. */
const LONGEST_PAUSE_MS = 30_000

/**
 * The server does not know since when a lock is held. Whoever looks again and again does: what was not there at one look
 * and is there at the next began in between.
 */
export class Sightings {
  readonly #seen: Seen
  #known = new Map<string, Sighting>()
  #lastLook: number | null = null

  constructor(seen: Seen) {
    this.#seen = seen
  }

  /** The same locks, with what is known better. */
  look(locks: readonly LockJson[], now: number): LockJson[] {
    const isContinued = this.#lastLook !== null && now - this.#lastLook <= LONGEST_PAUSE_MS
    const notBefore = isContinued ? this.#lastLook : null
    const before = isContinued ? this.#known : new Map<string, Sighting>()
    const known = new Map<string, Sighting>()
    const sight = <Age extends HolderJson | WaiterJson>(id: string, age: Age, isWait: boolean): Age => {
      const sighting = before.get(id) ?? { since: now, notBefore, isWait }
      known.set(id, sighting)
      return { ...age, ...narrowed(age, sighting, now) }
    }
    const better = locks.map((lock) => ({
      ...lock,
      holders: lock.holders.map((holder) =>
        holder.isHere ? holder : sight(idOf(lock, holder, holder.permit), holder, false),
      ),
      waiters: lock.waiters.map((waiter) =>
        waiter.isHere ? waiter : sight(idOf(lock, waiter, 'waits'), waiter, true),
      ),
    }))
    this.#tellEnded(before, known, now)
    this.#known = known
    this.#lastLook = now
    return better
  }

  #tellEnded(before: ReadonlyMap<string, Sighting>, known: ReadonlyMap<string, Sighting>, now: number): void {
    for (const [id, { since, notBefore, isWait }] of before) {
      if (notBefore === null || known.has(id)) continue
      // It began between two looks and ended between two others: the middle of what it may have been.
      const ms = (now - notBefore + (this.#lastLook! - since)) / 2
      if (isWait) this.#seen.waited(ms)
      else this.#seen.held(ms)
    }
  }
}

function idOf(lock: LockJson, { pid, mode }: HolderJson | WaiterJson, more: number | string | null): string {
  return `${lock.id}\n${pid}\n${mode}\n${more}`
}

function narrowed({ atLeastMs, atMostMs }: AgeJson, { since, notBefore }: Sighting, now: number): AgeJson {
  const least = Math.max(atLeastMs, now - since)
  const most = notBefore === null ? atMostMs : Math.min(atMostMs ?? Infinity, now - notBefore)
  return { atLeastMs: most === null ? least : Math.min(least, most), atMostMs: most }
}
