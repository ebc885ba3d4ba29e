import type { AgeJson, HolderJson, LockJson, WaiterJson } from './state-json.js'

/**
 * Derives ages that the server does not record: a lock that was missing in one snapshot and is there in the next began in
 * between. That is an upper limit of its age, as long as every snapshot shows it. There is no lower limit: between two
 * snapshots it may have been released and acquired again.
 */
export class Observations {
  /** When each lock was last known to be missing; null if it was in the first snapshot. */
  #known = new Map<string, number | null>()
  /** When the last snapshot began. What it did not show was missing at some moment after that. */
  #lastLook: number | null = null

  /** The same locks with better limits. The snapshot began at `since` and has just ended. */
  look(locks: readonly LockJson[], since: number, now: number): LockJson[] {
    const known = new Map<string, number | null>()
    const sight = <Age extends HolderJson | WaiterJson>(id: string, age: Age): Age => {
      const before = this.#known.get(id)
      // Its age is known, which says nothing about its next holder.
      if (age.isHere) {
        known.set(id, null)
        return age
      }
      const absentAt = before === undefined ? this.#lastLook : before
      known.set(id, absentAt)
      return { ...age, ...narrowed(age, absentAt, now) }
    }
    const better = locks.map((lock) => ({
      ...lock,
      holders: lock.holders.map((holder) => sight(idOf(lock, holder, holder.permit), holder)),
      waiters: lock.waiters.map((waiter) => sight(idOf(lock, waiter, 'waits'), waiter)),
    }))
    this.#known = known
    this.#lastLook = since
    return better
  }
}

function idOf(lock: LockJson, { pid, mode }: HolderJson | WaiterJson, more: number | string | null): string {
  return `${lock.id}\n${pid}\n${mode}\n${more}`
}

/** A known age stays. A limit helps only if nothing, or less, is known. */
function narrowed({ atLeastMs, atMostMs }: AgeJson, absentAt: number | null, now: number): AgeJson {
  if (absentAt === null || now - absentAt < atLeastMs) return { atLeastMs, atMostMs }
  return { atLeastMs, atMostMs: Math.min(atMostMs ?? Infinity, now - absentAt) }
}
