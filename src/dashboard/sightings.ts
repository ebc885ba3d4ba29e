import type { AgeJson, HolderJson, LockJson, WaiterJson } from './state-json.js'

/**
 * Whoever looks again and again knows something that the server does not keep: what was not there at one look, and is there
 * at the next, began in between. That is a limit from above, and stays one for as long as it is seen at every look. Nothing
 * follows from that for the other side: between any two looks it may have been given back and taken again.
 */
export class Sightings {
  /** When each was last known not to be there; null for what was there at the first look. */
  #known = new Map<string, number | null>()
  /** When the last look began. What it did not show was not there at some moment after that. */
  #lastLook: number | null = null

  /** The same locks, with what is known better. The look began at `since`; now it is over. */
  look(locks: readonly LockJson[], since: number, now: number): LockJson[] {
    const known = new Map<string, number | null>()
    const sight = <Age extends HolderJson | WaiterJson>(id: string, age: Age): Age => {
      const before = this.#known.get(id)
      // Its age is known, which says nothing of who has it next.
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

/** What somebody knows stands: only where nothing is known, or less, the limit is worth something. */
function narrowed({ atLeastMs, atMostMs }: AgeJson, absentAt: number | null, now: number): AgeJson {
  if (absentAt === null || now - absentAt < atLeastMs) return { atLeastMs, atMostMs }
  return { atLeastMs, atMostMs: Math.min(atMostMs ?? Infinity, now - absentAt) }
}
