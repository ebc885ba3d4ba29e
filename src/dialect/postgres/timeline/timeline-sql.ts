import { assert } from '../../../base/assert.js'
import { TOKEN_STEP } from '../../lock-operation.js'
import { LAST_CLOCK_MS, TOKENS_PER_MS } from '../../token-clock.js'

/**
 * Which server this is, and where the sequence of tokens must be on it. docs/decisions/0008-tokens-over-a-fail-over.md
 * has the reasons.
 *
 * A session that holds locks may send any of these statements. So each message is one transaction with its own lock
 * timeout. Parameters are part of the text: they are numbers, and names made of digits.
 */

/** Joins statements to one message, and so to one transaction, that waits for no lock longer than `limitMs`. */
export function within(limitMs: number, ...statements: readonly string[]): string {
  return [`SET LOCAL lock_timeout = ${limitMs}`, ...statements].join(';')
}

/**
 * This is up to date immediately after a promotion. pg_control_checkpoint() is not: it changes at the next checkpoint
 * (measured).
 */
export const CURRENT_TIMELINE = `
SELECT pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) AS name`

/** Changes after an upgrade, a restore from a dump, or a move by logical replication. */
export const CURRENT_SYSTEM = `
SELECT system_identifier::pg_catalog.text AS system
FROM pg_catalog.pg_control_system()`

/** Changes with every start, and differs in every copy. It has microseconds, and does not depend on the date format. */
export const CURRENT_START = `
SELECT
  extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.text AS started,
  (
    SELECT oid::pg_catalog.text
    FROM pg_catalog.pg_database
    WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  ) AS database`

/** Tokens above this are not handed out, because the sequence is about to end. */
export const LAST_TOKEN: bigint = 2n ** 63n - 2n ** 50n

/**
 * The sequence may be behind the clock by this much, so that processes that start at the same time do not all move it.
 * 128 ms.
 */
export const NEAR: bigint = 2n ** 27n

/**
 * The minimum distance of a move while other processes draw tokens: 65536 draws, more than they can draw between two
 * instructions.
 */
const LEAST_MOVE: bigint = NEAR / 2n

const CLOCK_MS = `pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint`

/** The clock as a token, or 0 if the clock is implausible. */
export const CLOCK: string = `(CASE
  WHEN ${CLOCK_MS} OPERATOR(pg_catalog.>) 0 AND ${CLOCK_MS} OPERATOR(pg_catalog.<) ${LAST_CLOCK_MS}
    THEN ${CLOCK_MS} OPERATOR(pg_catalog.*) ${TOKENS_PER_MS}
  ELSE 0 END)`

/**
 * How many tokens the server may have handed out and then forgotten in a crash. PostgreSQL logs a sequence for 32 draws
 * ahead, and only the session that causes the log record waits for the disk. So each possible session can have let
 * others draw 33 tokens that are not on disk. This is twice that number, for draws whose transactions failed and waited
 * for nothing; and at least 64 ms worth of tokens.
 */
const FORGETTABLE: string = `greatest(
  ${LEAST_MOVE}, pg_catalog.current_setting('max_connections')::bigint OPERATOR(pg_catalog.*) ${2 * 33 * TOKEN_STEP})`

const lastDrawn = (fence: string): string =>
  `coalesce(pg_catalog.pg_sequence_last_value(${fence}::pg_catalog.oid::pg_catalog.regclass), 0)`

/** Draws one token, for a lock that is already held. */
export const DRAW = `SELECT pg_catalog.nextval($1::pg_catalog.regclass)::pg_catalog.text AS token`

/** Where the sequence is, and in which run of the server it was moved there. */
export function readFence(fence: string): string {
  return `
SELECT
  (SELECT pg_catalog.min(run) FROM lockpool.run) AS run,
  ${lastDrawn(fence)}::pg_catalog.text AS last,
  (${CLOCK})::pg_catalog.text AS clock`
}

/**
 * Only one session at a time moves the sequence. Waiting for this lock writes nothing, and readers don't wait for it.
 */
const ALONE = `LOCK TABLE lockpool.run IN EXCLUSIVE MODE`

const isInRun = (run: string): string =>
  `EXISTS (SELECT FROM lockpool.run WHERE run OPERATOR(pg_catalog.=) '${run}')`

/**
 * The position beyond all tokens that this process has seen, on another server or from a sequence that no longer
 * exists.
 */
const beyond = (seen: string, fence: string): string => `CASE
  WHEN ${seen}::bigint OPERATOR(pg_catalog.>) ${lastDrawn(fence)} THEN ${seen}::bigint OPERATOR(pg_catalog.+) ${FORGETTABLE}
  ELSE 0 END`

/**
 * The first move in a run of the server, in one transaction. No process draws before the commit, because each looks for
 * the row of the run first. So the new floor is on disk before any larger token is handed out.
 */
export function beginRun(fence: string, run: string, seen: string): string[] {
  return [
    ALONE,
    `INSERT INTO lockpool.timeline DEFAULT VALUES ON CONFLICT DO NOTHING`,
    `
WITH last AS MATERIALIZED (SELECT ${lastDrawn(fence)} AS drawn)
UPDATE lockpool.timeline
SET floor = greatest(
  ${CLOCK},
  greatest(floor, last.drawn) OPERATOR(pg_catalog.+) ${FORGETTABLE},
  ${beyond(seen, fence)})
FROM last
WHERE NOT ${isInRun(run)}
RETURNING pg_catalog.setval(${fence}::pg_catalog.oid::pg_catalog.regclass, floor)`,
    `DELETE FROM lockpool.run WHERE run OPERATOR(pg_catalog.<>) '${run}'`,
    `INSERT INTO lockpool.run (run) VALUES ('${run}') ON CONFLICT DO NOTHING`,
  ]
}

/**
 * A later move, while other processes draw. First the new floor is written and flushed; only then is the sequence
 * moved.
 */
export function raiseFloor(fence: string, run: string, seen: string): string[] {
  return [
    ALONE,
    `
UPDATE lockpool.timeline
SET floor = target.floor
FROM (SELECT greatest(${CLOCK}, ${beyond(seen, fence)}) AS floor) AS target
WHERE target.floor OPERATOR(pg_catalog.>) timeline.floor
  AND target.floor OPERATOR(pg_catalog.>=) (${lastDrawn(fence)} OPERATOR(pg_catalog.+) ${LEAST_MOVE})
  AND ${isInRun(run)}`,
  ]
}

export function moveToFloor(fence: string, run: string): string[] {
  return [
    ALONE,
    `
SELECT pg_catalog.setval(${fence}::pg_catalog.oid::pg_catalog.regclass, floor)
FROM lockpool.timeline
WHERE floor OPERATOR(pg_catalog.>=) (${lastDrawn(fence)} OPERATOR(pg_catalog.+) ${LEAST_MOVE}) AND ${isInRun(run)}`,
  ]
}

export const READ_TIMELINE = `
SELECT name, system, started, longest_lease_ms, strict_lease_ms, settling_ms
FROM lockpool.timeline`

/** Which server this is. Unknown properties are null. Values consist of digits, and at most one point. */
export interface ServerIdentity {
  /** The timeline. */
  readonly name: string | null
  readonly system: string | null
  readonly started: string
}

/**
 * Records which server this is. If it has changed, strict pools must let it settle, and the sequence must be moved,
 * even if this pool uses no tokens, because no later pool will see the change. `strictLeaseMs` is null for a pool that
 * is not strict. `unheardMs` is the longest lease that strict pools may have chosen without a record on this server.
 *
 * A new table does not show what existed before it. On a first timeline, nothing existed.
 */
export function followServer(
  { name, system, started }: ServerIdentity,
  strictLeaseMs: number | null,
  unheardMs: number,
): string[] {
  const [timeline, cluster, start] = [name, system, started].map(textOrNull)
  const lease = `${strictLeaseMs ?? 'NULL'}::integer`
  const changed = `(
    stored.name OPERATOR(pg_catalog.<>) ${timeline} OR stored.system OPERATOR(pg_catalog.<>) ${cluster}
    OR stored.started OPERATOR(pg_catalog.<>) ${start}
  ) IS TRUE`
  return [
    ALONE,
    `DELETE FROM lockpool.run WHERE EXISTS (SELECT FROM lockpool.timeline AS stored WHERE ${changed})`,
    `
INSERT INTO lockpool.timeline AS stored (name, system, started, longest_lease_ms, strict_lease_ms, settling_ms)
SELECT ${timeline}, ${cluster}, ${start}, coalesce(${lease}, 0), ${lease}, ${isFirst(name) ? 0 : unheardMs}
WHERE NOT EXISTS (
  SELECT
  FROM lockpool.timeline AS stored
  WHERE NOT ${changed} AND stored.started IS NOT NULL AND (stored.strict_lease_ms IS NOT NULL OR ${lease} IS NULL)
)
ON CONFLICT (is_only) DO UPDATE SET
  name = coalesce(excluded.name, stored.name),
  system = coalesce(excluded.system, stored.system),
  started = excluded.started,
  since = CASE WHEN ${changed} THEN pg_catalog.clock_timestamp() ELSE stored.since END,
  strict_lease_ms = coalesce(
    stored.strict_lease_ms, CASE WHEN ${lease} IS NOT NULL THEN greatest(${lease}, stored.longest_lease_ms) END),
  longest_lease_ms = CASE
    WHEN stored.strict_lease_ms IS NULL THEN greatest(stored.longest_lease_ms, ${lease})
    ELSE stored.longest_lease_ms END,
  settling_ms = CASE
    WHEN stored.name IS NULL AND stored.started IS NULL THEN greatest(stored.settling_ms, excluded.settling_ms)
    WHEN NOT ${changed} THEN stored.settling_ms
    WHEN stored.strict_lease_ms IS NULL THEN greatest(stored.settling_ms, stored.longest_lease_ms, ${unheardMs})
    ELSE greatest(stored.settling_ms, stored.longest_lease_ms) END`,
  ]
}

function isFirst(timeline: string | null): boolean {
  return timeline === null || timeline === '00000001'
}

function textOrNull(value: string | null): string {
  if (value === null) return 'NULL::pg_catalog.text'
  assert(/^[\w.]*$/.test(value), 'what names a server has no quotes in it')
  return `'${value}'::pg_catalog.text`
}

/** Records that strict pools have waited this long on the server run `$2`, so that later pools need not wait. */
export const SETTLED = `
UPDATE lockpool.timeline
SET settling_ms = 0
WHERE settling_ms OPERATOR(pg_catalog.>) 0 AND settling_ms OPERATOR(pg_catalog.<=) $1::integer
  AND started OPERATOR(pg_catalog.=) $2::pg_catalog.text`

/**
 * Reads a table of an older version, which another role may have to update. The settling time is computed from the
 * clock.
 */
export const READ_OLD_TIMELINE = `
SELECT
  name,
  longest_lease_ms,
  CASE
    WHEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<)
      (since OPERATOR(pg_catalog.+) pg_catalog.make_interval(0, 0, 0, 0, 0, 0, longest_lease_ms::double precision OPERATOR(pg_catalog./) 1000))
      THEN longest_lease_ms
    ELSE 0 END AS settling_ms
FROM lockpool.timeline`

/** Written the first time, and whenever a strict pool has a longer lease. */
export function storeOldTimeline(name: string | null, leaseMs: number): string {
  return `
INSERT INTO lockpool.timeline AS stored (name, longest_lease_ms)
VALUES (${textOrNull(name)}, ${leaseMs})
ON CONFLICT (is_only) DO UPDATE SET
  name = coalesce(stored.name, excluded.name),
  longest_lease_ms = greatest(stored.longest_lease_ms, excluded.longest_lease_ms)`
}

export function followOldTimeline(name: string, fence: string | null): string {
  const moves = `
RETURNING pg_catalog.setval(
  ${fence}::pg_catalog.oid::pg_catalog.regclass,
  greatest(pg_catalog.nextval(${fence}::pg_catalog.oid::pg_catalog.regclass), ${CLOCK}))`
  return `
UPDATE lockpool.timeline
SET name = ${textOrNull(name)}, since = pg_catalog.clock_timestamp()
WHERE name OPERATOR(pg_catalog.<>) ${textOrNull(name)}${fence === null ? '' : moves}`
}
