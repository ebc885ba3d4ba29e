import type { ServerSession } from '../dialect/server-state.js'
import { blockedCount, longestWaitMs, type Chain } from './chains.js'
import type { LockHolder, ServerLock } from './server-lock.js'
import type { LockSnapshot } from './snapshot.js'

/**
 * A session that holds locks and waits for nobody: where others wait, the reason is here. Of a lock session it is one lock,
 * because those on it have nothing to do with each other.
 */
export interface Cause {
  readonly session: ServerSession
  /** What it is about. */
  readonly holdings: readonly Holding[]
  /** Those that can't go on because of it, at any distance. */
  readonly blocked: number
  /** The longest that any of them has waited; 0 where that is not known. */
  readonly longestMs: number
  /** Process ids of those that wait in the server, and so without a limit of lockpool's. */
  readonly victims: ReadonlySet<number>
  /** How many more locks the session has. */
  readonly otherLocks: number
}

/** One lock of a session; of several permits the one that is held longest. */
export interface Holding {
  readonly lock: ServerLock
  readonly holder: LockHolder
}

/**
 * One for each session that holds something and is not held up itself. Whoever waits in the server is a victim, however long
 * its transaction runs by now and whatever it keeps from others meanwhile: that counts for the one it waits for. A circle,
 * which the server ends within `deadlock_timeout`, has its cause where its chain is cut.
 */
export function causesOf({ locks, chains }: LockSnapshot): Cause[] {
  const chainOf = new Map(chains.map((chain) => [chain.session.pid, chain]))
  const waiting = new Set(
    locks.flatMap(({ waiters }) =>
      waiters.filter(({ isOutside }) => !isOutside).map(({ session }) => session.pid),
    ),
  )
  const holdings = holdingsOf(locks)
  // Those of which the server can't say what they hold, because it is not of this database, hold others up all the same.
  for (const { session } of chains) if (!holdings.has(session.pid)) holdings.set(session.pid, [])
  return [...holdings].flatMap(([pid, held]) => {
    const chain = chainOf.get(pid)
    if (chain === undefined && waiting.has(pid)) return []
    const session = chain?.session ?? held[0]!.holder.session
    return session.isLockSession ? causesPerLock(session, held, chain) : [causeOf(session, held, chain)]
  })
}

/** Those that nobody waits for are no cause of anything: that a program holds a lock of lockpool's says nothing. */
function causesPerLock(session: ServerSession, held: readonly Holding[], chain: Chain | undefined): Cause[] {
  return held
    .filter(({ lock }) => lock.waiters.length > 0)
    .map((holding) => {
      const blocked = chain?.blocked.filter(({ wait }) => wait?.lock === holding.lock) ?? []
      const part = blocked.length === 0 ? undefined : { session, wait: null, blocked }
      return { ...causeOf(session, [holding], part), otherLocks: held.length - 1 }
    })
}

function causeOf(session: ServerSession, holdings: readonly Holding[], chain: Chain | undefined): Cause {
  if (chain === undefined) {
    // Nobody can say who waits for whom: then those who wait for what it has.
    const blocked = holdings.reduce((sum, { lock }) => sum + lock.waiters.length, 0)
    return { session, holdings, blocked, longestMs: 0, victims: new Set(), otherLocks: 0 }
  }
  return {
    session,
    holdings,
    blocked: blockedCount(chain),
    longestMs: longestWaitMs(chain),
    victims: new Set(chain.blocked.flatMap(pidsInServer)),
    otherLocks: 0,
  }
}

function pidsInServer({ session, wait, blocked }: Chain): number[] {
  return [...(wait?.isOutside === true ? [] : [session.pid]), ...blocked.flatMap(pidsInServer)]
}

function holdingsOf(locks: readonly ServerLock[]): Map<number, Holding[]> {
  const byPid = new Map<number, Holding[]>()
  for (const lock of locks) {
    for (const holder of lock.holders) {
      const { pid } = holder.session
      const known = byPid.get(pid) ?? []
      byPid.set(pid, known)
      const last = known.at(-1)
      if (last?.lock !== lock) known.push({ lock, holder })
      else if (holder.atLeastMs > last.holder.atLeastMs) known[known.length - 1] = { lock, holder }
    }
  }
  return byPid
}

/** The lock that most wait for; the first, where nobody waits. */
export function mostWanted(holdings: readonly Holding[]): Holding | null {
  return holdings.reduce<Holding | null>(
    (most, each) => (most === null || each.lock.waiters.length > most.lock.waiters.length ? each : most),
    null,
  )
}
