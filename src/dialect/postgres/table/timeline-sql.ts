import { LEAST_MOVE } from '../../rows/timeline-to-join.js'
import { CLOCK } from '../timeline/timeline-sql.js'
import { own } from './own-words.js'

/**
 * The timeline of the server on which rows are valid. A failover starts another one, and the last changes of rows may
 * be missing there.
 */

/** Fails on servers that do not reveal it, such as those of some hosting providers. */
const CURRENT = own(`pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)`)

/** A member that joined while the server did not reveal its timeline is not checked. */
export const IS_ON_TIMELINE: string = own(
  `CASE WHEN member.timeline IS NULL THEN true ELSE member.timeline {=} ${CURRENT} END`,
)

export const TABLE_TIMELINE: string = `SELECT ${CURRENT} AS timeline`

/** The timeline on which rows are valid, and the longest lease of all members. */
export const BELIEVED_TIMELINE: string = own(`
SELECT
  (SELECT floor.timeline FROM lockpool.floor AS floor) AS timeline,
  (SELECT coalesce(pg_catalog.max(member.lease_ms), 0) FROM lockpool.member AS member) AS longest_lease_ms`)

/** The first member records the timeline; nothing existed before. */
export const BEGIN_TIMELINE: string = own(`
UPDATE lockpool.floor AS floor SET timeline = $1::pg_catalog.text WHERE floor.timeline IS NULL`)

/**
 * Runs once per timeline: members of the previous timeline become dead, and tokens move above all that they can have
 * been given.
 */
export const CHANGE_TIMELINE: string = own(`
WITH settled AS (
  UPDATE lockpool.floor AS floor SET
    timeline = $1::pg_catalog.text,
    floor = greatest(greatest(floor.floor, (SELECT pg_catalog.max(l.token) FROM lockpool.lease AS l)) {+} ${LEAST_MOVE}, ${CLOCK})
  WHERE floor.timeline {<>} $1::pg_catalog.text
  RETURNING floor.floor
), raised AS (
  UPDATE lockpool.lease AS l SET token = (SELECT settled.floor FROM settled) WHERE EXISTS (SELECT FROM settled)
), buried AS (
  UPDATE lockpool.member AS member SET dead = true
  WHERE NOT member.dead AND member.timeline {<>} $1::pg_catalog.text AND EXISTS (SELECT FROM settled)
)
SELECT pg_catalog.count(*)::int AS settled FROM settled`)
