import type {
  AdvisoryTarget,
  Interest,
  KeyNames,
  LockRow,
  LockTarget,
  SemaphorePart,
  ServerSession,
  ServerState,
} from '../dialect/server-state.js'
import type { ReportedWait, SessionReport } from '../dialect/session-report.js'
import { rowsBehindTransactions } from './row-locks.js'
import {
  lockId,
  type LockHolder,
  type LockWaiter,
  type ServerLock,
  type ServerLockKind,
} from './server-lock.js'
import type { SessionLookup } from './session-lookup.js'

/** A lock whose holders and waiters are still being collected. */
interface Draft extends ServerLock {
  permits: number | null
  readonly holders: LockHolder[]
  readonly waiters: LockWaiter[]
  /** The hash of its waiter registrations; null for keys of other programs. */
  readonly hash: number | null
  /** The id of its KeyCode; null if it is not a key. */
  readonly keyId: string | null
}

/** Groups all rows of the server about the same thing into one lock, with its holders and its waiters. */
export function groupLocks(
  state: ServerState,
  sessionOf: SessionLookup,
): { readonly locks: readonly ServerLock[]; readonly otherInterests: readonly Interest[] } {
  const drafts = new Map<string, Draft>()
  for (const row of rowsBehindTransactions(state.locks)) {
    const part = row.target.kind === 'advisory' ? state.names.semaphoreOf(row.target) : null
    const draft = draftFor(drafts, row.target, part, state.names)
    if (part?.part === 'shape') draft.permits = part.number
    else if (row.isGranted)
      draft.holders.push(holderOf(row, sessionOf(row.pid), part, state.reports?.get(row.pid)))
    else draft.waiters.push(waiterOf(row, sessionOf(row.pid), state.blockers.get(row.pid) ?? []))
  }
  const otherInterests = addOutsideWaiters(drafts.values(), state, sessionOf)
  for (const draft of drafts.values()) addCallersBehindTheirOwn(draft, state.reports)
  for (const { holders, waiters } of drafts.values()) {
    holders.sort((a, b) => (a.permit ?? 0) - (b.permit ?? 0) || a.session.pid - b.session.pid)
    waiters.sort((a, b) => Number(a.isOutside) - Number(b.isOutside) || (b.waitedMs ?? 0) - (a.waitedMs ?? 0))
  }
  const locks = [...drafts.values()].filter(({ holders, waiters }) => holders.length + waiters.length > 0)
  return { locks, otherInterests }
}

function draftFor(
  drafts: Map<string, Draft>,
  target: LockTarget,
  part: SemaphorePart | null,
  names: KeyNames,
): Draft {
  const fresh = part === null ? draftOf(target, names) : semaphoreDraft(part)
  const id = lockId(fresh)
  const known = drafts.get(id)
  if (known !== undefined) return known
  drafts.set(id, fresh)
  return fresh
}

function draftOf(target: LockTarget, names: KeyNames): Draft {
  switch (target.kind) {
    case 'advisory':
      return advisoryDraft(target, names)
    case 'table':
      return draft('table', target.table, `table ${target.table}`, { table: target.table })
    case 'row': {
      const place = `${target.page},${target.tuple}`
      const title = `row (${place}) of ${target.table}`
      return draft('row', `${target.table} ${place}`, title, { table: target.table })
    }
    case 'transaction':
      return draft('transaction', target.transaction, `transaction ${target.transaction}`)
    case 'other':
      return draft('other', target.what, target.what)
  }
}

function advisoryDraft(target: AdvisoryTarget, names: KeyNames): Draft {
  const name = names.nameOf(target)
  return draft('advisory', target.key, name?.name ?? target.key, {
    name,
    hash: target.hash,
    keyId: target.id,
  })
}

function semaphoreDraft({ id, semaphore, hash }: SemaphorePart): Draft {
  return draft('semaphore', id, semaphore.name, { name: semaphore, hash, keyId: id })
}

function draft(
  kind: ServerLockKind,
  id: string,
  title: string,
  more: Partial<Pick<Draft, 'name' | 'table' | 'hash' | 'keyId'>> = {},
): Draft {
  return {
    kind,
    title,
    id,
    name: null,
    permits: null,
    table: null,
    hash: null,
    keyId: null,
    holders: [],
    waiters: [],
    ...more,
  }
}

function holderOf(
  row: LockRow,
  session: ServerSession,
  part: SemaphorePart | null,
  report: SessionReport | undefined,
): LockHolder {
  const holder = { session, mode: row.mode, permit: part === null ? null : part.number + 1 }
  if (row.target.kind === 'advisory' && report !== undefined) {
    const hold = report.holds.get(row.target.id)
    // A hold that the process has not reported yet is recent.
    if (hold === undefined) return { ...holder, atLeastMs: 0, atMostMs: report.completeFromMs, label: null }
    const ms = Math.round(hold.heldMs)
    return { ...holder, atLeastMs: ms, atMostMs: ms, label: hold.label }
  }
  // A lock session sends heartbeats, so it is never idle for long. A session in a transaction has locked within it.
  const isQuiet = session.state !== null && session.state.startsWith('idle') && !session.isLockSession
  return {
    ...holder,
    atLeastMs: isQuiet ? (session.stateMs ?? 0) : 0,
    atMostMs: row.target.kind === 'advisory' ? null : session.transactionMs,
    label: null,
  }
}

function waiterOf(row: LockRow, session: ServerSession, blockedBy: readonly number[]): LockWaiter {
  return { session, mode: row.mode, waitedMs: row.waitedMs, label: null, isOutside: false, blockedBy }
}

/** Registrations have 32 bits of a key. The holder of a key does not wait for it, even if another key has the same bits. */
function addOutsideWaiters(
  drafts: Iterable<Draft>,
  { interests, reports }: Pick<ServerState, 'interests' | 'reports'>,
  sessionOf: SessionLookup,
): Interest[] {
  const byHash = new Map<number, Draft[]>()
  for (const each of drafts) {
    if (each.hash === null) continue
    const same = byHash.get(each.hash)
    if (same === undefined) byHash.set(each.hash, [each])
    else same.push(each)
  }
  return interests.filter(({ pid, hash, isWriter }) => {
    const wanted = (byHash.get(hash) ?? []).filter((each) => each.kind === 'semaphore' || !holds(each, pid))
    for (const { waiters, holders, keyId } of wanted) {
      const reported = keyId === null ? undefined : reports?.get(pid)?.waits.get(keyId)
      const blockedBy = [...new Set(holders.map(({ session }) => session.pid))]
      const mode = isWriter ? 'exclusive' : null
      const waitedMs = reported === undefined ? null : Math.round(reported.waitedMs)
      const label = reported?.label ?? null
      const others = callersIn(reported)
      waiters.push({ session: sessionOf(pid), mode, waitedMs, label, ...others, isOutside: true, blockedBy })
    }
    return wanted.length === 0
  })
}

/** Callers that wait behind another caller of their process have no registration; only their process reports them. */
function addCallersBehindTheirOwn({ keyId, holders, waiters }: Draft, reports: ServerState['reports']): void {
  if (keyId === null || reports === undefined) return
  const blockedBy = [...new Set(holders.map(({ session }) => session.pid))]
  for (const { session } of holders) {
    const reported = reports.get(session.pid)?.waits.get(keyId)
    if (reported === undefined || waiters.some((waiter) => waiter.session.pid === session.pid)) continue
    const waitedMs = Math.round(reported.waitedMs)
    const { label } = reported
    waiters.push({
      ...{ session, mode: null, waitedMs, label },
      ...callersIn(reported),
      isOutside: true,
      blockedBy,
    })
  }
}

function callersIn(reported: ReportedWait | undefined): Pick<LockWaiter, 'callers'> {
  return reported === undefined || reported.callers < 2 ? {} : { callers: reported.callers }
}

function holds({ holders }: Draft, pid: number): boolean {
  return holders.some(({ session }) => session.pid === pid)
}
