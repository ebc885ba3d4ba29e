/** One client in the search for a deadlock. */
export interface Party {
  /** The id of the lock that it waits for; null if it waits for no lock. */
  readonly awaitedLock: string | null
  /** Waits for a connection to the upstream. */
  readonly awaitsUpstream: boolean
  readonly hasUpstream: boolean
  /**
   * The clients for whose transactions the upstream makes its statement wait; null if its statement runs there, and may wait for
   * any session.
   */
  readonly blockers: readonly Party[] | null
  holdsLock(id: string): boolean
}

/**
 * The clients that will never continue. A client that waits for a lock, or in the server, needs all clients that are in its way
 * to continue. One that waits for a connection needs one of those that have one. A holder that is not a client of this front is
 * assumed to release its lock.
 */
export function stuckAmong<P extends Party>(all: readonly P[]): ReadonlySet<P> {
  const stuck = new Set(all)
  for (let before = -1; before !== stuck.size;) {
    before = stuck.size
    for (const each of stuck) if (mayContinue(each, all, stuck)) stuck.delete(each)
  }
  return stuck
}

/**
 * The clients that wait for each other in a cycle through `party`, which comes first. Null if it is in none: then it may
 * continue, or waits for a cycle of others, and must not be refused.
 */
export function cycleThrough<P extends Party>(party: P, all: readonly P[]): readonly P[] | null {
  const stuck = stuckAmong(all)
  if (!stuck.has(party)) return null
  const reachedFrom = new Map<P, P>()
  const line: P[] = [party]
  for (const each of line)
    for (const next of inTheWayOf(each, all)) {
      if (next === party) return pathTo(each, reachedFrom)
      if (!stuck.has(next) || reachedFrom.has(next)) continue
      reachedFrom.set(next, each)
      line.push(next)
    }
  return null
}

function mayContinue(party: Party, all: readonly Party[], stuck: ReadonlySet<Party>): boolean {
  if (party.blockers === null) return false
  const inTheWay = inTheWayOf(party, all)
  if (party.awaitsUpstream) return inTheWay.length === 0 || inTheWay.some((each) => !stuck.has(each))
  return inTheWay.every((each) => !stuck.has(each))
}

function inTheWayOf<P extends Party>(party: P, all: readonly P[]): readonly P[] {
  if (party.awaitsUpstream) return all.filter(({ hasUpstream }) => hasUpstream)
  const blockers = (party.blockers ?? []) as readonly P[]
  const { awaitedLock } = party
  if (awaitedLock === null) return blockers
  return [...blockers, ...all.filter((each) => each !== party && each.holdsLock(awaitedLock))]
}

function pathTo<P>(last: P, reachedFrom: ReadonlyMap<P, P>): readonly P[] {
  const path: P[] = []
  for (let at: P | undefined = last; at !== undefined; at = reachedFrom.get(at)) path.push(at)
  return path.toReversed()
}
