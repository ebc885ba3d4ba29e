import { TOKEN_STEP } from '../../lock-operation.js'
import { own } from '../table/own-words.js'

/**
 * Rows of locks, in SQL that CockroachDB, YugabyteDB and Aurora DSQL document. What an operation does is decided in
 * the process (`row-change.ts`); a statement here only reads rows, or writes those whose version is still the one that
 * was read. A test holds all statements of this folder to what each engine documents.
 *
 * Each operand of `{...}` is a name or in parentheses, because CockroachDB gives `OPERATOR()` another precedence.
 */

/**
 * Lets a statement pass only while its member is in this epoch. FOR UPDATE makes every engine notice a change of the
 * row before the commit, also with snapshot isolation.
 */
const GATE = `
WITH gate AS (
  SELECT g.floor FROM lockpool.dist_gate AS g WHERE g.id {=} $1::bigint AND g.epoch {=} $2::bigint FOR UPDATE
)`

/** The floor, if the member is in this epoch. */
export const READ_GATE: string = own(`
SELECT g.floor FROM lockpool.dist_gate AS g WHERE g.id {=} $1::bigint AND g.epoch {=} $2::bigint`)

/** One row without a key if none of the rows exists, and no row if the member is not in this epoch. */
export const READ_ROWS: string = own(`
SELECT g.floor, l.key, l.version, l.owner, l.readers, l.waiters, l.token
FROM lockpool.dist_gate AS g
LEFT JOIN lockpool.dist_lease AS l ON l.key {=} ANY ($3::bigint[])
WHERE g.id {=} $1::bigint AND g.epoch {=} $2::bigint`)

const NEXT_ROWS = (first: number): string => `ROWS FROM (
    pg_catalog.unnest($${first}::bigint[]), pg_catalog.unnest($${first + 1}::bigint[]),
    pg_catalog.unnest($${first + 2}::bigint[]), pg_catalog.unnest($${first + 3}::bigint[]),
    pg_catalog.unnest($${first + 4}::bigint[]), pg_catalog.unnest($${first + 5}::varchar[]),
    pg_catalog.unnest($${first + 6}::varchar[])
  ) AS n (key, version, next, owner, token, readers, waiters)`

const SET_ROW = `SET version = n.next, owner = n.owner, readers = n.readers, waiters = n.waiters, token = n.token`

/** Compare-and-set: writes the rows whose version has not moved, and returns them. */
export const WRITE_ROWS: string = own(`${GATE}
UPDATE lockpool.dist_lease AS l ${SET_ROW}
FROM gate CROSS JOIN ${NEXT_ROWS(3)}
WHERE l.key {=} n.key AND l.version {=} n.version
RETURNING l.key, gate.floor`)

/** The same on behalf of a dead member, whose own statements have no effect any more. */
export const WRITE_SWEPT_ROWS: string = own(`
UPDATE lockpool.dist_lease AS l ${SET_ROW}
FROM ${NEXT_ROWS(1)}
WHERE l.key {=} n.key AND l.version {=} n.version
RETURNING l.key`)

/** Creates rows. A row that exists after all is not returned. */
export const MAKE_ROWS: string = own(`${GATE}
INSERT INTO lockpool.dist_lease AS l (key, version, owner, readers, waiters, token)
SELECT n.key, gate.floor {+} ${TOKEN_STEP}, n.owner, n.readers, n.waiters, gate.floor {+} ${TOKEN_STEP}
FROM gate CROSS JOIN ROWS FROM (
  pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($4::bigint[]),
  pg_catalog.unnest($5::varchar[]), pg_catalog.unnest($6::varchar[])
) AS n (key, owner, readers, waiters)
ON CONFLICT (key) DO NOTHING
RETURNING l.key, l.token`)

const ROW = `l.key, l.version, l.owner, l.readers, l.waiters, l.token`

/** Rows without a gate, for callers that only look. */
export const LOOK_AT_ROWS: string = own(`
SELECT ${ROW} FROM lockpool.dist_lease AS l WHERE l.key {=} ANY ($1::bigint[])`)

/** `$1` is a member, `$2` the member as an entry of a list, `$3` the same for a waiting reader. */
export const ROWS_THAT_NAME: string = own(`
SELECT ${ROW} FROM lockpool.dist_lease AS l
WHERE l.owner {=} $1::bigint OR pg_catalog.strpos(l.readers, $2::varchar) {>} 0
  OR pg_catalog.strpos(l.waiters, $2::varchar) {>} 0 OR pg_catalog.strpos(l.waiters, $3::varchar) {>} 0`)

/** The shapes of a semaphore between two keys that some session has in use. */
export const ROWS_BETWEEN: string = own(`
SELECT ${ROW} FROM lockpool.dist_lease AS l
WHERE l.key {>} $1::bigint AND l.key {<} $2::bigint AND l.readers {<>} ''
ORDER BY l.key`)

export const ROWS_OF_LOCKS_IN_USE: string = own(`
SELECT ${ROW} FROM lockpool.dist_lease AS l
WHERE l.owner {<>} 0 OR l.readers {<>} '' OR l.waiters {<>} ''
ORDER BY l.key`)

const IS_FREE = `l.owner {=} 0 AND l.readers {=} '' AND l.waiters {=} ''`

/** The number of free rows, up to `$1`, and their largest version, which is never below a token. */
export const COUNT_FREE: string = own(`
SELECT pg_catalog.count(*) AS count, pg_catalog.max(free.version) AS version
FROM (SELECT l.version FROM lockpool.dist_lease AS l WHERE ${IS_FREE} LIMIT $1::bigint) AS free`)

/** Up to `$2` keys of free rows that may be removed under the floor `$1`. */
export const FREE_KEYS: string = own(`
SELECT l.key FROM lockpool.dist_lease AS l WHERE ${IS_FREE} AND l.version {<=} $1::bigint LIMIT $2::bigint`)

export const REMOVE_ROWS: string = own(`
DELETE FROM lockpool.dist_lease AS l
WHERE l.key {=} ANY ($1::bigint[]) AND l.version {<=} $2::bigint AND ${IS_FREE}`)
