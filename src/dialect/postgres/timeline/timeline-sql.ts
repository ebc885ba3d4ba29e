import { assert } from '../../../base/assert.js'
import { TOKEN_STEP } from '../../lock-operation.js'

/**
 * Which server this is, and where the sequence of tokens has to be on it. What is said here is argued for in
 * docs/decisions/0008-tokens-over-a-fail-over.md.
 *
 * All of it may be sent by a session that holds locks, so each message is one transaction with a limit of its own for what it
 * may wait, and parameters are part of the text: they are numbers, and names made of digits.
 */

/** As one message, and so one transaction, in which no lock is waited for longer. */
export function within(limitMs: number, ...statements: readonly string[]): string {
  return [`SET LOCAL lock_timeout = ${limitMs}`, ...statements].join(';')
}

/** Right at once after a promotion, unlike pg_control_checkpoint(), which waits for the next checkpoint (measured). */
export const CURRENT_TIMELINE = `
SELECT pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) AS name`

/** Another one after an upgrade, a restore from a dump, or a move by logical replication. */
export const CURRENT_SYSTEM = `
SELECT system_identifier::pg_catalog.text AS system
FROM pg_catalog.pg_control_system()`

/** Another one after each start, and in each copy. To the microsecond, whatever the format of dates. */
export const CURRENT_START = `
SELECT
  extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.text AS started,
  (
    SELECT oid::pg_catalog.text
    FROM pg_catalog.pg_database
    WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  ) AS database`

/** What a millisecond of the clock is worth in tokens: more than can be drawn in it. */
const TOKENS_PER_MS: number = 1024 * TOKEN_STEP

/** The year 2200. A clock that shows more is not believed: tokens end in 2248. */
const LAST_CLOCK_MS = 7_258_118_400_000

/** Of these tokens none is given: the sequence is about to end. */
export const LAST_TOKEN: bigint = 2n ** 63n - 2n ** 50n

/** Closer than this to the clock the sequence may stay, so that processes that come in crowds do not all move it. 128 ms. */
export const NEAR: bigint = 2n ** 27n

/** While others draw, it is moved only by a distance that they can't cover between two instructions: 65536 draws. */
const LEAST_MOVE: bigint = NEAR / 2n

const CLOCK_MS = `pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint`

/** As a token. 0 if the clock shows nonsense. */
const CLOCK: string = `CASE
  WHEN ${CLOCK_MS} OPERATOR(pg_catalog.>) 0 AND ${CLOCK_MS} OPERATOR(pg_catalog.<) ${LAST_CLOCK_MS}
    THEN ${CLOCK_MS} OPERATOR(pg_catalog.*) ${TOKENS_PER_MS}
  ELSE 0 END`

/**
 * What the server may have forgotten of the tokens that it gave when it crashed. PostgreSQL writes ahead for 32 draws beyond
 * one, and only the session that makes it do so waits for the disk; so each session there may be can have made others draw
 * 33 that are not written. Twice that, for draws whose transactions failed and waited for nothing; and no less than 64 ms.
 */
const FORGETTABLE: string = `greatest(
  ${LEAST_MOVE}, pg_catalog.current_setting('max_connections')::bigint OPERATOR(pg_catalog.*) ${2 * 33 * TOKEN_STEP})`

const lastDrawn = (fence: string): string =>
  `coalesce(pg_catalog.pg_sequence_last_value(${fence}::pg_catalog.oid::pg_catalog.regclass), 0)`

/** One token, for what is held already. */
export const DRAW = `SELECT pg_catalog.nextval($1::pg_catalog.regclass)::pg_catalog.text AS token`

/** Where the sequence is, and in which run of the server it was moved there. */
export function readFence(fence: string): string {
  return `
SELECT
  (SELECT pg_catalog.min(run) FROM lockpool.run) AS run,
  ${lastDrawn(fence)}::pg_catalog.text AS last,
  (${CLOCK})::pg_catalog.text AS clock`
}

/** Whoever moves the sequence moves it alone. Waiting for this writes nothing, and readers do not wait. */
const ALONE = `LOCK TABLE lockpool.run IN EXCLUSIVE MODE`

const isInRun = (run: string): string =>
  `EXISTS (SELECT FROM lockpool.run WHERE run OPERATOR(pg_catalog.=) '${run}')`

/** Tokens beyond what this process has seen, from another server or from a sequence that is gone. */
const beyond = (seen: string, fence: string): string => `CASE
  WHEN ${seen}::bigint OPERATOR(pg_catalog.>) ${lastDrawn(fence)} THEN ${seen}::bigint OPERATOR(pg_catalog.+) ${FORGETTABLE}
  ELSE 0 END`

/**
 * The first move in a run of the server, in one transaction. Nobody draws before it is committed: whoever comes looks for the
 * row of the run. So what it says is on the disk before any token above it is given.
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

/** A later move: others draw meanwhile. First it is said, and flushed, how far it will be; only then the sequence is moved. */
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

/** Which server this is, each null if it can't be told. Digits, and a point at most. */
export interface ServerIdentity {
  /** The timeline. */
  readonly name: string | null
  readonly system: string | null
  readonly started: string
}

/**
 * Writes down which server this is. If it is another one than before, strict pools have to let it settle; and its sequence
 * has to be moved, even if this pool has no use for tokens: nobody after it sees the change. `strictLeaseMs` is null for a
 * pool that is not strict. `unheardMs` is the longest lease that strict pools may have decided on without this server having
 * heard of it.
 *
 * A table that has just been made says nothing of what there was before. On a first timeline there was nothing.
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

/** So long has been waited on the server that started then: nobody need wait any more. */
export const SETTLED = `
UPDATE lockpool.timeline
SET settling_ms = 0
WHERE settling_ms OPERATOR(pg_catalog.>) 0 AND settling_ms OPERATOR(pg_catalog.<=) $1::integer
  AND started OPERATOR(pg_catalog.=) $2::pg_catalog.text`

/** The same in a table of an older version, which some other role may have to bring up to date. It goes by the clock. */
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

/** The first time, and whenever a strict pool comes with a longer lease. */
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
