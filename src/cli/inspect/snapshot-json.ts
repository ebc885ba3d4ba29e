import type { ServerSession } from '../../dialect/server-state.js'
import type { Chain } from '../../inspect/chains.js'
import { findingsOf, type Finding } from '../../inspect/findings.js'
import { refOf, type ServerLock } from '../../inspect/server-lock.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'

/** A snapshot for `--json`. Sessions are listed once, and referred to by their `pid`. */
export interface SnapshotJson {
  /** Increases when a field changes its meaning or is removed, not when one is added. */
  readonly version: 1
  readonly at: string
  readonly server: Omit<LockSnapshot['server'], 'at'>
  readonly locks: readonly object[]
  readonly sessions: readonly ServerSession[]
  readonly chains: readonly object[]
  readonly otherInterests: LockSnapshot['otherInterests']
  readonly pools: LockSnapshot['pools']
  readonly findings: readonly Finding[]
}

/** `locks` are those to be shown, if not all. */
export function snapshotJson(
  snapshot: LockSnapshot,
  locks: readonly ServerLock[] = snapshot.locks,
): SnapshotJson {
  const { at, ...server } = snapshot.server
  return {
    version: 1,
    at: at.toISOString(),
    server,
    locks: locks.map(lockJson),
    sessions: snapshot.sessions,
    chains: snapshot.chains.map(chainJson),
    otherInterests: snapshot.otherInterests,
    pools: snapshot.pools,
    findings: findingsOf(snapshot),
  }
}

export function lockJson(lock: ServerLock): object {
  const { kind, title, id, name, permits, table, holders, waiters } = lock
  return {
    ...{ kind, title, id, name, permits, table },
    holders: holders.map(({ session, ...holder }) => ({ pid: session.pid, ...holder })),
    waiters: waiters.map(({ session, ...waiter }) => ({ pid: session.pid, ...waiter })),
  }
}

function chainJson({ session, wait, blocked }: Chain): object {
  const { mode, waitedMs, isOutside } = wait ?? {}
  return {
    pid: session.pid,
    ...(wait === null ? {} : { lock: refOf(wait.lock), mode, waitedMs, isOutside }),
    blocked: blocked.map(chainJson),
  }
}
