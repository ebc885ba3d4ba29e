import { own } from './own-words.js'

/** On which timeline of the server rows are believed. Another one began with a fail-over, and may lack the last of them. */

/** Fails where a server does not tell, as that of some hosts. */
const CURRENT = own(`pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)`)

/** A member that has joined where the server did not tell is not asked. */
export const IS_ON_TIMELINE: string = own(
  `CASE WHEN member.timeline IS NULL THEN true ELSE member.timeline {=} ${CURRENT} END`,
)

export const TABLE_TIMELINE: string = `SELECT ${CURRENT} AS timeline`

/** On which timeline rows are believed, and the longest lease of all members. */
export const BELIEVED_TIMELINE: string = own(`
SELECT
  (SELECT floor.timeline FROM lockpool.floor AS floor) AS timeline,
  (SELECT coalesce(pg_catalog.max(member.lease_ms), 0) FROM lockpool.member AS member) AS longest_lease_ms`)

/** The first to come: there was nothing before. */
export const BEGIN_TIMELINE: string = own(`
UPDATE lockpool.floor AS floor SET timeline = $1::pg_catalog.text WHERE floor.timeline IS NULL`)

/**
 * How far tokens go on, above those of grants that did not come over: 2^24 for each key. That can be done a hundred million
 * times.
 */
const LEAP = 2 ** 34

/** Once for all: members of the timeline before are dead, and tokens go on above all that they can have been given. */
export const SETTLE_TIMELINE: string = own(`
WITH settled AS (
  UPDATE lockpool.floor AS floor SET
    timeline = $1::pg_catalog.text,
    floor = greatest(floor.floor, (SELECT pg_catalog.max(l.token) FROM lockpool.lease AS l)) {+} ${LEAP}
  WHERE floor.timeline {<>} $1::pg_catalog.text
  RETURNING floor.floor
), raised AS (
  UPDATE lockpool.lease AS l SET token = l.token {+} ${LEAP} WHERE EXISTS (SELECT FROM settled)
), buried AS (
  UPDATE lockpool.member AS member SET dead = true
  WHERE NOT member.dead AND member.timeline {<>} $1::pg_catalog.text AND EXISTS (SELECT FROM settled)
)
SELECT pg_catalog.count(*)::int AS settled FROM settled`)
