import type {
  Announcement,
  Interest,
  ServerFacts,
  ServerSession,
  ServerState,
} from '../dialect/server-state.js'
import { chainsOf, type Chain } from './chains.js'
import { groupLocks } from './group-locks.js'
import type { ServerLock } from './server-lock.js'
import { sessionLookup } from './session-lookup.js'

/** All locks of a database at one moment, and who waits for whom. */
export interface LockSnapshot {
  readonly server: ServerFacts
  readonly locks: readonly ServerLock[]
  /** Of the holders and the waiters. */
  readonly sessions: readonly ServerSession[]
  /** Sessions that block others and do not wait themselves, the one with the most behind it first. */
  readonly chains: readonly Chain[]
  /** Processes that wait outside the server for keys that are not held now, or whose names are unknown. */
  readonly otherInterests: readonly Interest[]
  /** Pools that share the lock table: see `maxHeldLocks`. */
  readonly pools: readonly AnnouncedPool[]
}

/** The share of the lock table that one pool has announced. */
export interface AnnouncedPool {
  /** The backend pids of its sessions. */
  readonly sessions: readonly number[]
  /** Entries of the lock table. */
  readonly share: number
}

export function snapshotOf(state: ServerState): LockSnapshot {
  const sessionOf = sessionLookup(state.sessions, state.reports)
  const { locks, otherInterests } = groupLocks(state, sessionOf)
  const sessions = new Map<number, ServerSession>()
  for (const { holders, waiters } of locks)
    for (const { session } of [...holders, ...waiters]) sessions.set(session.pid, session)
  return {
    server: state.server,
    locks,
    sessions: [...sessions.values()],
    chains: chainsOf(locks, sessionOf),
    otherInterests,
    pools: poolsOf(state.announcements),
  }
}

/** Every session of a pool announces the same share. */
function poolsOf(announcements: readonly Announcement[]): AnnouncedPool[] {
  const pools = new Map<number, { sessions: number[]; share: number }>()
  for (const { pid, pool, share } of announcements) {
    const known = pools.get(pool) ?? { sessions: [], share: 0 }
    known.sessions.push(pid)
    known.share = Math.max(known.share, share)
    pools.set(pool, known)
  }
  return [...pools.values()]
}
