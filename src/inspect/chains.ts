import type { ServerSession } from '../dialect/server-state.js'
import type { LockWaiter, ServerLock } from './server-lock.js'
import type { SessionLookup } from './session-lookup.js'

/** A session and the sessions that it blocks. */
export interface Chain {
  readonly session: ServerSession
  /** Its own wait; null at the top. */
  readonly wait: ChainWait | null
  /** The sessions that wait for it. */
  readonly blocked: readonly Chain[]
}

/** The wait of a session in a chain. */
export interface ChainWait {
  readonly lock: ServerLock
  readonly mode: string | null
  readonly waitedMs: number | null
  /** A process that waits outside the server. */
  readonly isOutside: boolean
}

interface Wait {
  readonly lock: ServerLock
  readonly waiter: LockWaiter
}

/**
 * Who blocks whom, starting with sessions that do not wait. A session behind two others appears below both, and what is
 * behind it only once. A process that waits outside the server is a leaf: its sessions continue, and what they hold is not
 * part of that wait. A cycle, which the server ends within `deadlock_timeout`, is cut at its lowest pid.
 */
export function chainsOf(locks: readonly ServerLock[], sessionOf: SessionLookup): Chain[] {
  const waits = locks.flatMap((lock) => lock.waiters.map((waiter): Wait => ({ lock, waiter })))
  const behind = new Map<number, Wait[]>()
  for (const wait of waits) {
    for (const pid of directBlockers(wait)) {
      const others = behind.get(pid)
      if (others === undefined) behind.set(pid, [wait])
      else others.push(wait)
    }
  }
  const waiting = new Set(
    waits.filter(({ waiter }) => !waiter.isOutside).map(({ waiter }) => waiter.session.pid),
  )
  const seen = new Set<number>()
  const below = (pid: number): Chain[] => {
    if (seen.has(pid)) return []
    seen.add(pid)
    return (behind.get(pid) ?? []).map(({ lock, waiter: { session, mode, waitedMs, isOutside } }) => ({
      session,
      wait: { lock, mode, waitedMs, isOutside },
      blocked: isOutside ? [] : below(session.pid),
    }))
  }
  const blockers = [...behind.keys()].toSorted((a, b) => a - b)
  const roots = [
    ...blockers.filter((pid) => !waiting.has(pid)),
    ...blockers.filter((pid) => waiting.has(pid)),
  ]
  const chains = roots.flatMap((pid): Chain[] => {
    if (seen.has(pid)) return []
    return [{ session: sessionOf(pid), wait: null, blocked: below(pid) }]
  })
  return chains.toSorted((a, b) => blockedCount(b) - blockedCount(a))
}

/** How many sessions and processes it blocks. */
export function blockedCount(chain: Chain): number {
  return new Set(chain.blocked.flatMap(pidsOf)).size
}

/** The longest known wait below it. */
export function longestWaitMs(chain: Chain): number {
  const own = chain.wait?.waitedMs ?? 0
  return chain.blocked.reduce((longest, each) => Math.max(longest, longestWaitMs(each)), own)
}

function pidsOf(chain: Chain): number[] {
  return [chain.session.pid, ...chain.blocked.flatMap(pidsOf)]
}

/**
 * The server also reports the sessions ahead in the queue. They wait for the same holders, so one of them counts only if no
 * holder is in the way, as for a reader behind a writer that waits for readers.
 */
function directBlockers({ lock, waiter: { blockedBy, session, isOutside } }: Wait): readonly number[] {
  const holders = new Set(lock.holders.map((holder) => holder.session.pid))
  // For a caller that waits in a process, the holder may be another caller of the same process.
  const direct = blockedBy.filter((pid) => holders.has(pid) && (pid !== session.pid || isOutside))
  return direct.length > 0 ? direct : blockedBy.filter((pid) => pid !== session.pid).slice(0, 1)
}
