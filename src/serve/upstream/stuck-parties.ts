/** One client in the search for a deadlock. */
export interface Party {
  /** The id of the lock that it waits for; null if it waits for no lock. */
  readonly awaitedLock: string | null
  readonly awaitsUpstream: boolean
  readonly hasUpstream: boolean
  holdsLock(id: string): boolean
}

/**
 * Whether a client that waits for a connection to the upstream will never get one. That is so if each connection belongs to a
 * client that waits, directly or through others, for a lock of a client that waits for a connection. A holder that is not a
 * client of this front is assumed to release its lock.
 */
export function isStuck(party: Party, all: readonly Party[]): boolean {
  const free = new Set<Party>()
  for (let before = -1; before < free.size;) {
    before = free.size
    for (const each of all) if (mayGoOn(each, all, free)) free.add(each)
  }
  return !free.has(party)
}

function mayGoOn(party: Party, all: readonly Party[], free: ReadonlySet<Party>): boolean {
  const { awaitedLock } = party
  if (party.awaitsUpstream) {
    const owners = all.filter((each) => each.hasUpstream)
    return owners.length === 0 || owners.some((each) => free.has(each))
  }
  if (awaitedLock === null) return true
  return all.every((each) => each === party || !each.holdsLock(awaitedLock) || free.has(each))
}

/** The part of a session with its party. */
export interface HasParty {
  readonly locks: { readonly awaited: string | null; holds(id: string): boolean }
  readonly passing: { readonly isAwaited: boolean; readonly hasConnection: boolean } | null
}

export function isAmongStuck(one: HasParty, all: Iterable<HasParty>): boolean {
  const parties = new Map([...all].map((each) => [each, partyOf(each)]))
  const party = parties.get(one)
  return party !== undefined && isStuck(party, [...parties.values()])
}

function partyOf({ locks, passing }: HasParty): Party {
  return {
    awaitedLock: locks.awaited,
    awaitsUpstream: passing?.isAwaited ?? false,
    hasUpstream: passing?.hasConnection ?? false,
    holdsLock: (id) => locks.holds(id),
  }
}
