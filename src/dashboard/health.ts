import { durationInWords } from '../inspect/durations-in-words.js'
import { FINDING_LIMITS, findingsOf, type FindingCode } from '../inspect/findings.js'
import { lockId, waitersOf } from '../inspect/server-lock.js'
import type { LockSnapshot } from '../inspect/snapshot.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import type { SentenceJson } from './state-json.js'

/** The input of `healthOf`. */
export interface PoolStatus {
  readonly snapshot: LockSnapshot | null
  /** Why there is no snapshot. */
  readonly unavailable: string | null
  readonly pool: PoolSnapshot | null
}

/** The fractions of the server's connections in use from which there is a warning, or a problem. */
const CONNECTIONS_WARNING_FROM = 0.8
const CONNECTIONS_PROBLEM_FROM = 0.95

const RANK = { problem: 0, warning: 1, ok: 2 } as const

/** The health in sentences: problems first, then what is fine, so that silence is never good news. */
export function healthOf({ snapshot, unavailable, pool }: PoolStatus): SentenceJson[] {
  const sentences = [
    ...(snapshot === null ? [unavailableSentence(unavailable)] : serverSentences(snapshot)),
    ...(pool === null ? [] : poolSentences(pool)),
    // Findings of the server cover this, if there are any.
    ...(pool === null || snapshot !== null ? [] : stuckSentences(pool)),
  ]
  return sentences.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
}

function unavailableSentence(unavailable: string | null): SentenceJson {
  return sentence(
    'blind',
    'warning',
    `The server cannot be inspected: ${unavailable ?? 'not tried yet'}.`,
    'The page shows only the locks of this process.',
  )
}

function serverSentences(snapshot: LockSnapshot): SentenceJson[] {
  const findings = findingsOf(snapshot).map(({ lock, ...finding }) => ({
    ...finding,
    lock: lock && lockId(lock),
  }))
  const codes = new Set(findings.map(({ code }) => code))
  const isQuiet = (...looked: FindingCode[]): boolean => looked.every((code) => !codes.has(code))
  return [
    ...findings,
    ...(isQuiet('blocked', 'endless_wait') ? [waitSentence(snapshot)] : []),
    ...(isQuiet('long_holder', 'leak', 'idle_in_transaction', 'prepared_transaction')
      ? [ok('holders', 'No session seems to have leaked a lock.')]
      : []),
    ...(isQuiet('lock_table') ? [tableSentence(snapshot)] : []),
    connectionSentence(snapshot),
  ]
}

function waitSentence({ locks }: LockSnapshot): SentenceJson {
  const waiting = waitersOf(locks)
  if (waiting === 0) return ok('waits', 'No waiters.')
  const who = waiting === 1 ? 'One waiter' : `${waiting} waiters`
  return ok('waits', `${who}, none for long.`)
}

function tableSentence({ server: { lockTable } }: LockSnapshot): SentenceJson {
  if (lockTable.capacity === Infinity) return ok('table', 'The server has no limit for locks.')
  const part = Math.ceil((lockTable.used / lockTable.capacity) * 100)
  return ok('table', `The server's lock table has room: ${part} % of ${lockTable.capacity} entries in use.`)
}

function connectionSentence({ server: { connections } }: LockSnapshot): SentenceJson {
  const { used, max } = connections
  const part = used / max
  const text = `The server has ${used} of ${max} connections in use.`
  if (part < CONNECTIONS_WARNING_FROM) return ok('connections', text)
  const severity = part < CONNECTIONS_PROBLEM_FROM ? 'warning' : 'problem'
  const advice =
    'When all are in use, new connections are refused: lower max of the pools, or raise max_connections.'
  return sentence('connections', severity, text, advice)
}

function poolSentences(pool: PoolSnapshot): SentenceJson[] {
  const { connections, counters, listener, state } = pool
  const worries: readonly (false | readonly [code: string, text: string, advice: string | null])[] = [
    state !== 'open' && ['closing', `The pool of this process is ${state}.`, null],
    connections.waiting > 0 && [
      'exhausted',
      `${connections.waiting} callers in this process wait for a connection: all ${connections.max} are checked out.`,
      'Find out what keeps connections, or raise max.',
    ],
    listener === 'polling' && [
      'polling',
      'This process gets no wake-ups when locks become free, and polls.',
      'It needs a connection to listen on: raise max, or see the event "warning".',
    ],
    counters.lost > 0 && [
      'lost',
      `${counters.lost === 1 ? 'One lock was' : `${counters.lost} locks were`} lost in this process since it started.`,
      'The event lock:lost says why.',
    ],
  ]
  const warnings = worries.filter((worry) => worry !== false)
  return [
    poolSentence(pool),
    ...primarySentences(pool),
    ...warnings.map(([code, text, advice]) => sentence(code, 'warning', text, advice)),
  ]
}

/** After a failover, users need to know where the locks are. */
function primarySentences({ primary }: PoolSnapshot): SentenceJson[] {
  if (primary === null || primary.changes === 0) return []
  const { host, timeline, changes, downMs } = primary
  const often = changes === 1 ? 'once' : `${changes} times`
  const where = timeline === null ? host : `${host}, timeline ${timeline}`
  return [
    ok(
      'primary',
      `The primary has changed ${often} since this process began: it is ${where}, and was away for ${durationInWords(downMs)} the last time.`,
    ),
  ]
}

function stuckSentences({ keys, semaphores }: PoolSnapshot): SentenceJson[] {
  const waits = [
    ...keys.flatMap(({ key, waiters }) =>
      waiters.filter(({ isStandby }) => !isStandby).map(({ waitedMs }) => ({ key, waitedMs })),
    ),
    ...semaphores.flatMap(({ key, waiters }) => waiters.map(({ waitedMs }) => ({ key, waitedMs }))),
  ]
  const [longest] = waits
    .filter(({ waitedMs }) => waitedMs >= FINDING_LIMITS.idleMs)
    .toSorted((a, b) => b.waitedMs - a.waitedMs)
  if (longest === undefined) return []
  const text = `A caller in this process has waited for ${longest.key} for ${durationInWords(longest.waitedMs)}.`
  return [sentence('stuck', 'problem', text, 'Find the holder with "lockpool who".')]
}

function poolSentence({ connections, held, sessions }: PoolSnapshot): SentenceJson {
  const { max } = connections
  const may = max === 1 ? 'one connection' : `${max} connections`
  if (held === 0) return ok('pool', `This process holds no locks; it may open ${may}.`)
  const locks = held === 1 ? 'one lock' : `${held} locks`
  const on = sessions.length === 1 ? 'one connection' : `${sessions.length} connections`
  return ok('pool', `This process holds ${locks} on ${on}, of ${max} that it may open.`)
}

function ok(code: string, text: string): SentenceJson {
  return sentence(code, 'ok', text, null)
}

function sentence(
  code: string,
  severity: SentenceJson['severity'],
  text: string,
  advice: string | null,
): SentenceJson {
  return { code, severity, text, advice, endPid: null, pids: [], lock: null }
}
