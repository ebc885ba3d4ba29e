import { durationInWords } from '../inspect/durations-in-words.js'
import { FINDING_LIMITS, findingsOf, type FindingCode } from '../inspect/findings.js'
import { lockId, waitersOf } from '../inspect/server-lock.js'
import type { LockSnapshot } from '../inspect/snapshot.js'
import type { PoolSnapshot } from '../lock/snapshot.js'
import type { SentenceJson } from './state-json.js'

/** What is looked at to say how things are. */
export interface Vitals {
  readonly snapshot: LockSnapshot | null
  /** Why there is no snapshot. */
  readonly blindness: string | null
  readonly pool: PoolSnapshot | null
}

/** Of the connections a server has, so many in use are worth a word, and so many an alarm. */
const CONNECTIONS_WARNING_FROM = 0.8
const CONNECTIONS_PROBLEM_FROM = 0.95

const RANK = { problem: 0, warning: 1, ok: 2 } as const

/** How things are, in sentences: what is wrong first, and then what is well, so that silence is never the good news. */
export function healthOf({ snapshot, blindness, pool }: Vitals): SentenceJson[] {
  const sentences = [
    ...(snapshot === null ? [blindSentence(blindness)] : serverSentences(snapshot)),
    ...(pool === null ? [] : poolSentences(pool)),
    // Where the server can't be looked at, nobody else tells of it.
    ...(pool === null || snapshot !== null ? [] : stuckSentences(pool)),
  ]
  return sentences.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
}

function blindSentence(blindness: string | null): SentenceJson {
  return sentence(
    'blind',
    'warning',
    `The server can't be looked at: ${blindness ?? 'nobody has yet'}.`,
    'What is shown is what this process knows of its own locks.',
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
      ? [ok('holders', 'No session holds locks that it seems to have forgotten.')]
      : []),
    ...(isQuiet('lock_table') ? [tableSentence(snapshot)] : []),
    connectionSentence(snapshot),
  ]
}

function waitSentence({ locks }: LockSnapshot): SentenceJson {
  const waiting = waitersOf(locks)
  if (waiting === 0) return ok('waits', 'Nobody waits for a lock.')
  const who = waiting === 1 ? 'One waits' : `${waiting} wait`
  return ok('waits', `${who} for locks, and nobody for long.`)
}

function tableSentence({ server: { lockTable } }: LockSnapshot): SentenceJson {
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
    'When there are no more, whoever comes next is refused: lower the max of pools, or raise max_connections.'
  return sentence('connections', severity, text, advice)
}

function poolSentences(pool: PoolSnapshot): SentenceJson[] {
  const { connections, counters, doorbell, state } = pool
  const worries: readonly (false | readonly [code: string, text: string, advice: string | null])[] = [
    state !== 'open' && ['closing', `The pool of this process is ${state}.`, null],
    connections.waiting > 0 && [
      'exhausted',
      `${connections.waiting} in this process wait for a connection: all ${connections.max} are lent.`,
      'See who borrows connections, and for how long; or raise max.',
    ],
    doorbell === 'deaf' && [
      'deaf',
      'This process can not hear when locks become free, and asks from time to time.',
      'It needs a connection to listen on: raise max, or see the warning event.',
    ],
    counters.lost > 0 && [
      'lost',
      `${counters.lost === 1 ? 'One lock was' : `${counters.lost} locks were`} lost in this process since it began.`,
      'The event lock:lost says why.',
    ],
  ]
  const told = worries.filter((worry) => worry !== false)
  return [
    poolSentence(pool),
    ...primarySentences(pool),
    ...told.map(([code, text, advice]) => sentence(code, 'warning', text, advice)),
  ]
}

/** After a fail-over it is worth knowing where the locks are. */
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
  const text = `Somebody in this process has waited for ${longest.key} for ${durationInWords(longest.waitedMs)}.`
  return [sentence('stuck', 'problem', text, 'See who holds it: the log or another dashboard may know.')]
}

function poolSentence({ connections, held, sessions }: PoolSnapshot): SentenceJson {
  const { max } = connections
  const may = max === 1 ? 'one connection' : `${max} connections`
  if (held === 0) return ok('pool', `This process holds no lock; it may open ${may}.`)
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
