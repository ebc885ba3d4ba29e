import type { ServerSession } from '../dialect/server-state.js'
import { blockedCount, longestWaitMs, type Chain } from './chains.js'
import { durationInWords } from './durations-in-words.js'
import { refOf, titled, type LockRef, type ServerLock } from './server-lock.js'
import { sessionInWords, stateInWords } from './session-in-words.js'
import type { LockSnapshot } from './snapshot.js'

/** Stable: match on it, never on the text. */
export type FindingCode =
  | 'blocked'
  | 'long_holder'
  | 'leak'
  | 'idle_in_transaction'
  | 'prepared_transaction'
  | 'endless_wait'
  | 'lock_table'
  | 'standby'

/** Something in a snapshot that is worth a human's look. */
export interface Finding {
  readonly code: FindingCode
  readonly severity: 'warning' | 'problem'
  /** What is the case, as a sentence. */
  readonly text: string
  /** What one could do, as a sentence. */
  readonly advice: string
  readonly pids: readonly number[]
  /** Which lock it is about, to be led to; of several the one that most wait for, and null if it is about no lock. */
  readonly lock: LockRef | null
}

/** From when on something is worth mentioning. Milliseconds, and parts of the lock table. */
export interface FindingLimits {
  readonly waitMs: number
  readonly heldMs: number
  readonly idleMs: number
  readonly endlessMs: number
  readonly tableFrom: number
}

export const FINDING_LIMITS: FindingLimits = {
  waitMs: 5000,
  heldMs: 300_000,
  idleMs: 60_000,
  endlessMs: 300_000,
  tableFrom: 0.5,
}

/** Nearly full: the next large transaction breaks everybody's statements. */
const TABLE_PROBLEM_FROM = 0.8

/** What it means to look at one, as a sentence without its end. */
export const STANDBY =
  'This is a standby: it does not know the locks of its primary, and a lock taken here excludes nobody there'

/** What is wrong in a snapshot: the worst first. */
export function findingsOf(snapshot: LockSnapshot, limits: FindingLimits = FINDING_LIMITS): Finding[] {
  const holdings = holdingsOf(snapshot)
  const findings = [
    ...standbyFinding(snapshot),
    ...tableFinding(snapshot, limits),
    ...snapshot.chains.flatMap((chain) => blockedFinding(chain, limits)),
    ...holdings.flatMap((holding) => holderFinding(holding, limits)),
    ...endlessFinding(snapshot, limits),
  ]
  const rank = { problem: 0, warning: 1 }
  return findings.toSorted((a, b) => rank[a.severity] - rank[b.severity])
}

/** Before all others: whoever looks for a lock here looks in the wrong place. */
function standbyFinding({ server }: LockSnapshot): Finding[] {
  if (!server.isStandby) return []
  return [
    {
      code: 'standby',
      severity: 'problem',
      text: `${STANDBY}.`,
      advice: 'Look at the primary, where programs lock.',
      pids: [],
      lock: null,
    },
  ]
}

/** What one session has, and how many wait for any of it. */
interface Holding {
  readonly session: ServerSession
  readonly locks: readonly ServerLock[]
  readonly waiters: number
}

function holdingsOf({ locks }: LockSnapshot): Holding[] {
  const byPid = new Map<number, { session: ServerSession; locks: ServerLock[]; waiters: number }>()
  for (const lock of locks) {
    for (const { session } of lock.holders) {
      const known = byPid.get(session.pid) ?? { session, locks: [], waiters: 0 }
      byPid.set(session.pid, known)
      if (known.locks.at(-1) === lock) continue
      known.locks.push(lock)
      known.waiters += lock.waiters.length
    }
  }
  return [...byPid.values()]
}

function tableFinding({ server }: LockSnapshot, { tableFrom }: FindingLimits): Finding[] {
  const { used, capacity } = server.lockTable
  const part = used / capacity
  if (part < tableFrom) return []
  return [
    {
      code: 'lock_table',
      severity: part >= TABLE_PROBLEM_FROM ? 'problem' : 'warning',
      text: `The server's lock table is ${Math.floor(part * 100)} % full: ${used} of ${capacity} entries.`,
      advice:
        'When it is full, statements of everybody fail (53200). Raise max_locks_per_transaction, or lock less at once.',
      pids: [],
      lock: null,
    },
  ]
}

function blockedFinding(chain: Chain, { waitMs }: FindingLimits): Finding[] {
  const longest = longestWaitMs(chain)
  if (longest < waitMs) return []
  const count = blockedCount(chain)
  const first = chain.blocked[0]!.wait!
  const whom = count === 1 ? 'one other' : `${count} others`
  const { session } = chain
  return [
    {
      code: 'blocked',
      severity: 'problem',
      text: `${sessionInWords(session)} blocks ${whom}, the longest for ${durationInWords(longest)}, with ${titled(first.lock)}${doing(session)}.`,
      advice: adviceFor(session.pid),
      pids: [session.pid],
      lock: refOf(first.lock),
    },
  ]
}

function holderFinding({ session, locks, waiters }: Holding, { idleMs, heldMs }: FindingLimits): Finding[] {
  const who = sessionInWords(session)
  const what = locks.length === 1 ? titled(locks[0]!) : `${locks.length} locks`
  const whoWaits = waiters === 1 ? 'one waits' : `${waiters} wait`
  const wanted = waiters === 0 ? '' : `, and ${whoWaits} for ${locks.length === 1 ? 'it' : 'them'}`
  const quietMs = session.stateMs ?? 0
  const pids = [session.pid]
  const lock = refOf(mostWanted(locks))
  const severity = waiters === 0 ? 'warning' : 'problem'
  if (session.pid === 0) {
    const text = `${who} holds ${what}${wanted}.`
    const advice =
      'See pg_prepared_xacts: COMMIT PREPARED or ROLLBACK PREPARED ends it; nothing else does, not even a restart.'
    return [{ code: 'prepared_transaction', severity, text, advice, pids: [], lock }]
  }
  if (session.state?.startsWith('idle in transaction') === true) {
    if (quietMs < idleMs) return []
    const text = `${who} has been idle in a transaction for ${durationInWords(quietMs)} and holds ${what}${wanted}.`
    const advice = `idle_in_transaction_session_timeout would end such sessions; ${adviceFor(session.pid)}`
    return [{ code: 'idle_in_transaction', severity, text, advice, pids, lock }]
  }
  if (session.state === 'idle' && !session.isLockSession) {
    if (quietMs < heldMs) return []
    const text = `${who} holds ${what} and has done nothing for ${durationInWords(quietMs)}${wanted}: perhaps nobody remembers to unlock.`
    const advice = `A session-level lock does not end with a transaction; ${adviceFor(session.pid)}`
    return [{ code: 'leak', severity, text, advice, pids, lock }]
  }
  const transactionMs = session.transactionMs ?? 0
  if (transactionMs < heldMs || session.isLockSession) return []
  const text = `${who} holds ${what} in a transaction that has run for ${durationInWords(transactionMs)}${wanted}.`
  return [{ code: 'long_holder', severity, text, advice: adviceFor(session.pid), pids, lock }]
}

function mostWanted(locks: readonly ServerLock[]): ServerLock {
  return locks.reduce((most, each) => (each.waiters.length > most.waiters.length ? each : most))
}

/** Waits of the server only: those outside have a time-out of lockpool's. */
function endlessFinding({ locks }: LockSnapshot, { endlessMs }: FindingLimits): Finding[] {
  const waits = locks.flatMap((lock) => lock.waiters.map((waiter) => ({ lock, waiter })))
  const endless = waits.filter(({ waiter }) => (waiter.waitedMs ?? 0) >= endlessMs)
  if (endless.length === 0) return []
  const { lock, waiter } = endless.toSorted((a, b) => b.waiter.waitedMs! - a.waiter.waitedMs!)[0]!
  const others = endless.length === 1 ? '' : `, and ${endless.length - 1} more wait as patiently`
  return [
    {
      code: 'endless_wait',
      severity: 'warning',
      text: `${sessionInWords(waiter.session)} has waited for ${titled(lock)} for ${durationInWords(waiter.waitedMs!)}${others}: such a wait has no end of its own.`,
      advice: 'Set lock_timeout for sessions that wait for locks, or take the lock with a timeoutMs.',
      pids: endless.map((each) => each.waiter.session.pid),
      lock: refOf(lock),
    },
  ]
}

function adviceFor(pid: number): string {
  return pid === 0 ? 'see pg_prepared_xacts.' : `pg_terminate_backend(${pid}) ends it, or K in lockpool top.`
}

function doing(session: ServerSession): string {
  const { state, query, isLockSession } = session
  const words = stateInWords(session)
  if (words === null) return ''
  const statement = state === 'active' && query !== null && !isLockSession ? `: ${shorten(query)}` : ''
  return `; it is ${words}${statement}`
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
