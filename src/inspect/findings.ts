import type { ServerSession } from '../dialect/server-state.js'
import { causesOf, mostWanted, type Cause } from './causes.js'
import { durationInWords } from './durations-in-words.js'
import {
  isTooOld,
  SNAPSHOT_ADVICE,
  SNAPSHOT_LIMITS,
  snapshotInWords,
  type SnapshotLimits,
} from './old-snapshot.js'
import { refOf, titled, type LockRef, type LockWaiter, type ServerLock } from './server-lock.js'
import { processInWords, sessionInWords, stateInWords } from './session-in-words.js'
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
  | 'old_snapshot'
  | 'standby'

/** Something in a snapshot that needs a person's attention. */
export interface Finding {
  readonly code: FindingCode
  readonly severity: 'warning' | 'problem'
  /** The situation, as sentences. */
  readonly text: string
  /** What to do, in sentences for every place where they are shown. How to end a session differs, and is not in them. */
  readonly advice: string
  /** The pid of the session to end if nothing else helps; null if ending a session would not help. */
  readonly endPid: number | null
  readonly pids: readonly number[]
  /** The lock in question; of several the one with the most waiters; null if it is not about a lock. */
  readonly lock: LockRef | null
}

/** The limits from which something is reported: milliseconds, and fractions of the lock table. */
export interface FindingLimits extends SnapshotLimits {
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
  ...SNAPSHOT_LIMITS,
}

/** Nearly full: the next large transaction makes all statements fail. */
const TABLE_PROBLEM_FROM = 0.8

/** What it means to inspect a standby, without the final period. */
export const STANDBY =
  'This is a standby: it does not know the locks of its primary, and a lock taken here has no effect there'

/** The findings of a snapshot, the worst first. One cause is one finding, whatever its consequences. */
export function findingsOf(snapshot: LockSnapshot, limits: FindingLimits = FINDING_LIMITS): Finding[] {
  const causes = causesOf(snapshot).flatMap((cause) => {
    const finding = causeFinding(cause, limits)
    return finding === null ? [] : [{ cause, finding }]
  })
  const explained = new Set(causes.flatMap(({ cause }) => [...cause.victims]))
  const byWeight = causes.toSorted((a, b) => b.cause.blocked - a.cause.blocked)
  const findings = [
    ...standbyFinding(snapshot),
    ...tableFinding(snapshot, limits),
    ...oldSnapshotFinding(snapshot, limits),
    ...byWeight.map(({ finding }) => finding),
    ...endlessFinding(snapshot, explained, limits),
  ]
  const rank = { problem: 0, warning: 1 }
  return findings.toSorted((a, b) => rank[a.severity] - rank[b.severity])
}

/** First of all: a standby is the wrong place to look for locks. */
function standbyFinding({ server }: LockSnapshot): Finding[] {
  if (!server.isStandby) return []
  return [
    {
      code: 'standby',
      severity: 'problem',
      text: `${STANDBY}.`,
      advice: 'Look at the primary, where programs lock.',
      endPid: null,
      pids: [],
      lock: null,
    },
  ]
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
        'When it is full, all statements that lock fail (53200). Raise max_locks_per_transaction, or hold fewer locks at once.',
      endPid: null,
      pids: [],
      lock: null,
    },
  ]
}

function oldSnapshotFinding({ server: { oldSnapshot } }: LockSnapshot, limits: FindingLimits): Finding[] {
  if (!oldSnapshot || !isTooOld(oldSnapshot, limits)) return []
  const pid = oldSnapshot.pid === 0 ? null : oldSnapshot.pid
  return [
    {
      code: 'old_snapshot',
      severity: 'warning',
      text: `${snapshotInWords(oldSnapshot)}.`,
      advice: SNAPSHOT_ADVICE,
      endPid: pid,
      pids: pid === null ? [] : [pid],
      lock: null,
    },
  ]
}

/** What is wrong with a session. The consequences for others are added to its text. */
type Diagnosis = Pick<Finding, 'code' | 'text' | 'advice'>

function causeFinding(cause: Cause, limits: FindingLimits): Finding | null {
  const diagnosis = diagnose(cause, limits)
  if (diagnosis === null) return null
  const { session, blocked, longestMs } = cause
  const wanted = mostWanted(cause.holdings)
  // Processes that wait outside the server have a time limit, and waiting is the purpose of a lock.
  const isPatient = session.isLockSession && longestMs < limits.idleMs
  return {
    ...diagnosis,
    text: `${diagnosis.text}${consequence(diagnosis.code, cause, limits)}`,
    severity: blocked > 0 && !isPatient ? 'problem' : 'warning',
    endPid: session.pid === 0 ? null : session.pid,
    pids: session.pid === 0 ? [] : [session.pid],
    lock: wanted && refOf(wanted.lock),
  }
}

function diagnose(cause: Cause, { idleMs, heldMs, waitMs }: FindingLimits): Diagnosis | null {
  const { session, longestMs } = cause
  const who = sessionInWords(session)
  const what = whatOf(cause)
  const quietMs = session.stateMs ?? 0
  if (session.pid === 0) {
    const text = `${who} holds ${what}.`
    const advice =
      'See pg_prepared_xacts. Only COMMIT PREPARED or ROLLBACK PREPARED ends it, not even a restart.'
    return { code: 'prepared_transaction', text, advice }
  }
  if (session.isLockSession) return longestMs < waitMs ? null : blockedByLockpool(cause)
  if (session.state?.startsWith('idle in transaction') === true && quietMs >= idleMs) {
    const text = `${who} has been idle in a transaction for ${durationInWords(quietMs)} and holds ${what}.`
    return {
      code: 'idle_in_transaction',
      text,
      advice: 'idle_in_transaction_session_timeout ends such sessions.',
    }
  }
  if (session.state === 'idle' && quietMs >= heldMs && cause.holdings.length > 0) {
    const it = cause.holdings.length === 1 ? 'it' : 'them'
    const text = `${who} holds ${what}, has been idle for ${durationInWords(quietMs)} and may have leaked ${it}.`
    return { code: 'leak', text, advice: 'A session-level lock does not end with a transaction.' }
  }
  const transactionMs = session.transactionMs ?? 0
  if (transactionMs >= heldMs && cause.holdings.length > 0) {
    const text = `${who} holds ${what} in a transaction that has run for ${durationInWords(transactionMs)}.`
    return {
      code: 'long_holder',
      text,
      advice: 'Locks of a transaction are held until it ends: make it shorter.',
    }
  }
  if (longestMs < waitMs) return null
  return {
    code: 'blocked',
    text: `${who} ${blocking(cause)} with ${blockedWith(cause)}${doing(session)}.`,
    advice: 'See what this session does.',
  }
}

/** A lock of lockpool, which a program holds. */
function blockedByLockpool(cause: Cause): Diagnosis {
  const { session, holdings, otherLocks: others } = cause
  const wanted = mostWanted(holdings)
  const holder = wanted?.holder
  const isKnown = holder !== undefined && holder.atLeastMs === holder.atMostMs
  const since = isKnown ? `, held for ${durationInWords(holder.atLeastMs)}` : ''
  const label = holder?.label ? ` (${holder.label})` : ''
  const process = processInWords(session) ?? 'the program that holds it'
  const rest =
    others <= 0
      ? ''
      : ` Its session has ${others === 1 ? 'one other lock' : `${others} other locks`}, which would be lost with it.`
  return {
    code: 'blocked',
    text: `${sessionInWords(session)} ${blocking(cause)} with ${blockedWith(cause)}${label}${since}.`,
    advice: `See what ${process} does.${rest}`,
  }
}

function whatOf({ holdings }: Cause): string {
  if (holdings.length === 0) return 'locks'
  return holdings.length === 1 ? titled(holdings[0]!.lock) : `${holdings.length} locks`
}

/** `blocks 2 others, the longest for 7.0 s,` */
function blocking({ blocked, longestMs }: Cause): string {
  return blocked === 1
    ? `blocks one other, for ${durationInWords(longestMs)},`
    : `blocks ${blocked} others, the longest for ${durationInWords(longestMs)},`
}

function blockedWith(cause: Cause): string {
  const wanted = mostWanted(cause.holdings)
  return wanted === null ? 'locks' : titled(wanted.lock)
}

/** The consequences for others, as sentences. */
function consequence(
  code: FindingCode,
  { blocked, longestMs, victims, holdings }: Cause,
  { endlessMs }: FindingLimits,
): string {
  if (blocked === 0) return ''
  const forEver =
    victims.size > 0 && longestMs >= endlessMs ? ' Without a lock_timeout they wait forever.' : ''
  // The text before says how many, and for how long.
  if (code === 'blocked') return forEver
  const whom = blocked === 1 ? 'One other waits' : `${blocked} others wait`
  const wanted = mostWanted(holdings)
  const forWhat =
    holdings.length > 1 && wanted !== null && wanted.lock.waiters.length > 0
      ? `, for ${titled(wanted.lock)}`
      : ''
  const howLong =
    longestMs === 0 ? '' : `, ${blocked === 1 ? '' : 'the longest '}for ${durationInWords(longestMs)}`
  return ` ${whom}${forWhat}${howLong}.${forEver}`
}

/** Long waits in the server without a known cause. Waits outside the server have a timeout. */
function endlessFinding(
  { locks }: LockSnapshot,
  explained: ReadonlySet<number>,
  { endlessMs }: FindingLimits,
): Finding[] {
  const waits = locks.flatMap((lock) => lock.waiters.map((waiter): Wait => ({ lock, waiter })))
  const endless = waits
    .filter(({ waiter }) => !waiter.isOutside && (waiter.waitedMs ?? 0) >= endlessMs)
    .filter(({ waiter }) => !explained.has(waiter.session.pid))
    .toSorted((a, b) => b.waiter.waitedMs! - a.waiter.waitedMs!)
  const [longest] = endless
  if (longest === undefined) return []
  const { lock, waiter } = longest
  const others = endless.length - 1
  const more =
    others === 0
      ? ''
      : ` ${others === 1 ? 'One other session has' : `${others} other sessions have`} waited as long.`
  return [
    {
      code: 'endless_wait',
      severity: 'warning',
      text: `${sessionInWords(waiter.session)} has waited for ${titled(lock)} for ${durationInWords(waiter.waitedMs!)}.${more} Without a lock_timeout they wait forever.`,
      advice: 'Set lock_timeout for sessions that wait for locks, or acquire the lock with timeoutMs.',
      endPid: null,
      pids: endless.map((each) => each.waiter.session.pid),
      lock: refOf(lock),
    },
  ]
}

interface Wait {
  readonly lock: ServerLock
  readonly waiter: LockWaiter
}

function doing(session: ServerSession): string {
  const { state, query } = session
  const words = stateInWords(session)
  if (words === null) return ''
  const statement = state === 'active' && query !== null ? `: ${shorten(query)}` : ''
  return `; it is ${words}${statement}`
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
