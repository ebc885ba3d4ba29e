import type { ServerSession } from '../dialect/server-state.js'
import { blockedCount, longestWaitMs, type Chain } from './chains.js'
import type { LockHolder, ServerLock } from './server-lock.js'
import type { LockSnapshot } from './snapshot.js'

/**
 * A session that holds locks and does not wait: the reason why others wait. For a lock session, a cause is one of its locks,
 * because the locks on it belong to different callers.
 */
export interface Cause {
  readonly session: ServerSession
  /** The locks in question. */
  readonly holdings: readonly Holding[]
  /** How many sessions and processes it blocks, directly or through others. */
  readonly blocked: number
  /** The longest wait of any of them; 0 if unknown. */
  readonly longestMs: number
  /** Backend pids of the blocked sessions that wait in the server, where lockpool's time limit does not apply. */
  readonly victims: ReadonlySet<number>
  /** How many other locks the session has. */
  readonly otherLocks: number
}

/** One lock of a session; of several permits the one held longest. */
export interface Holding {
  readonly lock: ServerLock
  readonly holder: LockHolder
}

/**
 * One cause per session that holds locks and is not blocked itself. A session that waits in the server is never a cause,
 * however long its transaction has run and whatever it blocks meanwhile: the session that it waits for is the cause. A cycle,
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
  // A session that holds something in another database blocks others as well, although its locks are not listed.
  for (const { session } of chains) if (!holdings.has(session.pid)) holdings.set(session.pid, [])
  return [...holdings].flatMap(([pid, held]) => {
    const chain = chainOf.get(pid)
    if (chain === undefined && waiting.has(pid)) return []
    const session = chain?.session ?? held[0]!.holder.session
    return session.isLockSession ? causesPerLock(session, held, chain) : [causeOf(session, held, chain)]
  })
}

/** Locks without waiters are no cause: that a program holds a lock is normal. */
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
    // It is unknown who waits for whom, so count all waiters of its locks.
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

/** The lock with the most waiters; the first if there are none. */
export function mostWanted(holdings: readonly Holding[]): Holding | null {
  return holdings.reduce<Holding | null>(
    (most, each) => (most === null || each.lock.waiters.length > most.lock.waiters.length ? each : most),
    null,
  )
}
