import { hostname } from 'node:os'
import type { ProcessName, ReportedHold, ReportedWait, SessionReport } from '../../dialect/session-report.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Session } from '../session/session.js'

/** The parts of this process that have keys and waiting callers: the arbiter and the semaphores. */
export interface Reporting {
  readonly now: number
  readonly sessions: Iterable<Session>
  readonly locks: Iterable<
    ReportingKey & { readonly key: { readonly id: string }; readonly holders: readonly Lock[] }
  >
  readonly semaphores: Iterable<
    ReportingKey & {
      readonly semaphore: {
        readonly key: { readonly id: string }
        readonly slot: (number: number) => { readonly id: string }
      }
      readonly holders: readonly Lock[]
    }
  >
}

interface ReportingKey {
  readonly session: Session | null
  readonly queue: Iterable<LockWaiter<WaitedFor>>
}

interface Draft {
  readonly session: Session
  readonly holds: Map<string, ReportedHold>
  readonly waits: Map<string, ReportedWait>
}

/** Every session of this process, with the locks and waits on it that have lasted `fromMs` or longer. */
export function sessionReports(parts: Reporting, fromMs: number): SessionReport[] {
  const { now } = parts
  const drafts = new Map<Session, Draft>()
  for (const session of parts.sessions) drafts.set(session, { session, holds: new Map(), waits: new Map() })
  for (const { session, key, holders, queue } of parts.locks) {
    const draft = session && drafts.get(session)
    if (!draft) continue
    const oldest = oldestOf(holders, now)
    if (oldest !== null && oldest.heldMs >= fromMs) draft.holds.set(key.id, oldest)
    addWait(draft, key.id, queue, now, fromMs)
  }
  for (const { session, semaphore, holders, queue } of parts.semaphores) {
    const draft = session && drafts.get(session)
    if (!draft) continue
    for (const permit of holders) {
      const heldMs = permit.heldMsAt(now)
      if (heldMs >= fromMs) draft.holds.set(semaphore.slot(permit.place).id, { heldMs, label: permit.label })
    }
    addWait(draft, semaphore.key.id, queue, now, fromMs)
  }
  const process = thisProcess()
  return [...drafts.values()].map(({ session, holds, waits }) => ({
    serverId: session.link.serverId,
    ...{ process, holds, waits },
    // Without a limit, entries that are missing have been released, or are about to be.
    completeFromMs: fromMs > 0 ? fromMs : null,
  }))
}

export function thisProcess(): ProcessName {
  return { host: hostname(), id: process.pid }
}

function oldestOf(holders: readonly Lock[], now: number): ReportedHold | null {
  let oldest: ReportedHold | null = null
  for (const lock of holders) {
    const heldMs = lock.heldMsAt(now)
    if (oldest === null || heldMs > oldest.heldMs) oldest = { heldMs, label: lock.label }
  }
  return oldest
}

/** A candidate is meant to wait, and needs no attention. */
function addWait(
  { waits }: Draft,
  keyId: string,
  queue: Iterable<LockWaiter<WaitedFor>>,
  now: number,
  fromMs: number,
): void {
  let longest: LockWaiter<WaitedFor> | null = null
  let callers = 0
  for (const waiter of queue) {
    if (waiter.isStandby) continue
    callers++
    if (longest === null || waiter.since < longest.since) longest = waiter
  }
  if (longest === null || now - longest.since < fromMs) return
  waits.set(keyId, { waitedMs: now - longest.since, label: longest.purpose, callers })
}
