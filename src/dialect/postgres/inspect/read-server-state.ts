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
import { decodeLock, isInternal, wholeMs, type RawLock } from './lock-rows.js'
import { readReports } from '../records/reports.js'
import { KeyNameBook, type KeyNameRow } from '../records/key-names.js'
import { isLockpoolStatement } from '../locks/own-statements.js'
import { NO_ROWS, readRows } from '../table/rows-state.js'
import { readDistributedRows } from '../distributed/rows-state.js'
import { REGISTRATION_CLASS, SERVER_QUEUE_CLASS, POOL_CLASS, SHARE_CLASS, WRITER_CLASS } from '../keys/key.js'

export interface InspectOptions {
  /** Whether to include locks on tables, indexes and transactions for which no session waits. */
  readonly everything: boolean
  /** Names that the caller already knows. */
  readonly names: Iterable<KeyNameRow>
}

/**
 * Reads all locks in a database. This takes one round trip, two more if locks are rows of either engine, and one each for names and
 * reports if the database has them.
 */
export async function readServerState(
  connection: Queryable,
  { everything, names }: InspectOptions,
): Promise<ServerState> {
  // Locks are read first: a session that has been idle since before that moment already had them then.
  const [locks, facts, sessions, blockers] = await Promise.all([
    connection.query<RawLock>(LOCKS, [everything]),
    connection.query<FactsRow>(SERVER_FACTS),
    connection.query<SessionRow>(SESSIONS),
    connection.query<{ pid: number; blockers: number[] }>(BLOCKERS),
  ])
  const hasRows = facts.rows[0]!.has_rows
  const server = toFacts(facts.rows[0]!, hasRows ? await oldestSnapshot(connection) : null)
  const internals = locks.rows.filter(isInternal)
  // The locks of pools with backend `table`, which are rows and not in pg_locks.
  const kept = await Promise.all([
    hasRows ? readRows(connection) : NO_ROWS,
    facts.rows[0]!.has_distributed_rows ? readDistributedRows(connection) : NO_ROWS,
  ])
  const rows = [
    ...locks.rows.filter((row) => !isInternal(row)).map(decodeLock),
    ...kept.flatMap((each) => each.locks),
  ]
  const [stored, reports] = await Promise.all([
    server.hasKeyNames ? readNames(connection, rows) : [],
    server.hasReports ? readReports(connection) : new Map<number, SessionReport>(),
  ])
  return {
    server,
    sessions: [...sessions.rows.map(toSession), ...kept.flatMap((each) => each.sessions)],
    locks: rows,
    blockers: new Map(blockers.rows.map((row) => [row.pid, [...new Set(row.blockers)]])),
    interests: [...interestsOf(internals), ...kept.flatMap((each) => each.interests)],
    announcements: announcementsOf(internals),
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
  readonly has_distributed_rows: boolean
}

function toFacts(row: FactsRow, oldSnapshot: OldSnapshot | null): ServerFacts {
  return {
    at: new Date(row.at),
    version: row.version,
    database: row.database,
    product: 'PostgreSQL',
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

/**
 * The waiter registrations. One counts as a writer's if its session also has the intent lock. Only one session at a
 * time can have that for a key, so other waiting writers look like readers.
 */
function interestsOf(internals: readonly RawLock[]): Interest[] {
  const writers = new Set(
    internals.filter((lock) => lock.class === WRITER_CLASS).map(({ pid, object }) => `${pid} ${object}`),
  )
  return internals.filter(isInterest).map(({ pid, object, class: kind }) => ({
    pid,
    hash: object | 0,
    isWriter: kind === SERVER_QUEUE_CLASS || writers.has(`${pid} ${object}`),
  }))
}

/** The session at the head of a server queue waits for the key itself, so pg_locks shows its wait already. */
function isInterest({ class: kind, granted }: RawLock): boolean {
  return kind === REGISTRATION_CLASS || (kind === SERVER_QUEUE_CLASS && !granted)
}

/**
 * A session that changes its share has two for a moment; the larger one counts. One session belongs to one pool,
 * whatever else it announces.
 */
function announcementsOf(internals: readonly RawLock[]): Announcement[] {
  const greatest = (wanted: number): Map<number, number> => {
    const byPid = new Map<number, number>()
    for (const { class: kind, pid, object } of internals)
      if (kind === wanted) byPid.set(pid, Math.max(byPid.get(pid) ?? 0, object))
    return byPid
  }
  const shares = greatest(SHARE_CLASS)
  return [...greatest(POOL_CLASS)].map(([pid, pool]) => ({ pid, pool, share: shares.get(pid) ?? 0 }))
}
