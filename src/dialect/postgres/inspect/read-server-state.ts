import type { Queryable } from '../../queryable.js'
import type { SessionReport } from '../../session-report.js'
import type {
  Announcement,
  Interest,
  LockRow,
  OldSnapshot,
  ServerFacts,
  ServerSession,
  ServerState,
} from '../../server-state.js'
import { BLOCKERS, LOCKS, SERVER_FACTS, SESSIONS } from './inspect-sql.js'
import { oldestSnapshot } from './old-snapshot.js'
import { KEY_NAMES } from '../records/key-names-sql.js'
import { decodeLock, isMark, wholeMs, type RawLock } from './lock-rows.js'
import { readReports } from '../records/reports.js'
import { KeyNameBook, type KeyNameRow } from '../records/key-names.js'
import { isLockpoolStatement } from '../locks/own-statements.js'
import { NO_ROWS, readRows } from '../table/rows-state.js'
import { INTEREST_CLASS, LINE_CLASS, POOL_CLASS, SHARE_CLASS, WRITER_CLASS } from '../keys/key.js'

export interface InspectOptions {
  /** Also what is merely held on tables, indexes and transactions, and keeps nobody waiting. */
  readonly everything: boolean
  /** Names that are known here, whatever the server knows. */
  readonly names: Iterable<KeyNameRow>
}

/** Reads what a server knows of the locks in its database, in one round trip, two more where locks are rows, and one for each of names and reports where they are kept. */
export async function readServerState(
  connection: Queryable,
  { everything, names }: InspectOptions,
): Promise<ServerState> {
  // Locks first: a session that has been idle since before that had them before that.
  const [locks, facts, sessions, blockers] = await Promise.all([
    connection.query<RawLock>(LOCKS, [everything]),
    connection.query<FactsRow>(SERVER_FACTS),
    connection.query<SessionRow>(SESSIONS),
    connection.query<{ pid: number; blockers: number[] }>(BLOCKERS),
  ])
  const hasRows = facts.rows[0]!.has_rows
  const server = toFacts(facts.rows[0]!, hasRows ? await oldestSnapshot(connection) : null)
  const marks = locks.rows.filter(isMark)
  // Of pools with backend 'table', whose locks the server does not know as such.
  const kept = hasRows ? await readRows(connection) : NO_ROWS
  const rows = [...locks.rows.filter((row) => !isMark(row)).map(decodeLock), ...kept.locks]
  const [stored, reports] = await Promise.all([
    server.hasKeyNames ? readNames(connection, rows) : [],
    server.hasReports ? readReports(connection) : new Map<number, SessionReport>(),
  ])
  return {
    server,
    sessions: [...sessions.rows.map(toSession), ...kept.sessions],
    locks: rows,
    blockers: new Map(blockers.rows.map((row) => [row.pid, [...new Set(row.blockers)]])),
    interests: [...interestsOf(marks), ...kept.interests],
    announcements: announcementsOf(marks),
    names: new KeyNameBook([...stored, ...names]),
    reports,
  }
}

async function readNames(connection: Queryable, rows: readonly LockRow[]): Promise<KeyNameRow[]> {
  const ids = new Set<string>()
  for (const { target } of rows) if (target.kind === 'advisory') ids.add(target.id)
  return (await connection.query<KeyNameRow>(KEY_NAMES, [[...ids]])).rows
}

interface FactsRow {
  readonly at: string
  readonly version: string
  readonly database: string
  readonly is_standby: boolean
  readonly lock_entries: number
  readonly lock_capacity: number
  readonly connections: number
  readonly max_connections: number
  readonly has_key_names: boolean
  readonly has_reports: boolean
  readonly has_rows: boolean
}

function toFacts(row: FactsRow, oldSnapshot: OldSnapshot | null): ServerFacts {
  return {
    at: new Date(row.at),
    version: row.version,
    database: row.database,
    isStandby: row.is_standby,
    lockTable: { used: row.lock_entries, capacity: row.lock_capacity },
    connections: { used: row.connections, max: row.max_connections },
    hasKeyNames: row.has_key_names,
    hasReports: row.has_reports,
    oldSnapshot,
  }
}

interface SessionRow {
  readonly pid: number
  readonly application: string
  readonly host: string | null
  readonly user: string | null
  readonly state: string | null
  readonly waits_for: string | null
  readonly query: string | null
  readonly started_at: string | null
  readonly session_ms: string | null
  readonly transaction_ms: string | null
  readonly state_ms: string | null
}

function toSession(row: SessionRow): ServerSession {
  return {
    pid: row.pid,
    application: row.application,
    host: row.host,
    user: row.user,
    state: row.state,
    waitsFor: row.waits_for,
    query: row.query === null ? null : row.query.replaceAll(/\s+/g, ' ').trim(),
    startedAt: row.started_at,
    sessionMs: wholeMs(row.session_ms),
    transactionMs: wholeMs(row.transaction_ms),
    stateMs: wholeMs(row.state_ms),
    isLockSession: row.query !== null && isLockpoolStatement(row.query),
  }
}

/** The mark of a writer is there once per key: whoever was quicker to set it. */
function interestsOf(marks: readonly RawLock[]): Interest[] {
  const writers = new Set(
    marks.filter((mark) => mark.class === WRITER_CLASS).map(({ pid, object }) => `${pid} ${object}`),
  )
  return marks.filter(isInterest).map(({ pid, object, class: kind }) => ({
    pid,
    hash: object | 0,
    isWriter: kind === LINE_CLASS || writers.has(`${pid} ${object}`),
  }))
}

/** Who is at the head of a line waits for the key itself, and is seen to. */
function isInterest({ class: kind, granted }: RawLock): boolean {
  return kind === INTEREST_CLASS || (kind === LINE_CLASS && !granted)
}

/** While a session changes its share it has two, and the larger counts. Whatever it says, it is of one pool. */
function announcementsOf(marks: readonly RawLock[]): Announcement[] {
  const greatest = (wanted: number): Map<number, number> => {
    const byPid = new Map<number, number>()
    for (const { class: kind, pid, object } of marks)
      if (kind === wanted) byPid.set(pid, Math.max(byPid.get(pid) ?? 0, object))
    return byPid
  }
  const shares = greatest(SHARE_CLASS)
  return [...greatest(POOL_CLASS)].map(([pid, pool]) => ({ pid, pool, share: shares.get(pid) ?? 0 }))
}
