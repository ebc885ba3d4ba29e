import { own } from '../table/own-words.js'

/** What members write about themselves and about each other. Each statement is a transaction. */

/** The first statement to an engine: how it calls itself. */
export const ENGINE = `SELECT pg_catalog.version() AS version`

/** The first statement of a member on its connection. */
export const SESSION = `SELECT pg_catalog.pg_backend_pid() AS pid`

export const ADD_MEMBER = `
INSERT INTO lockpool.dist_member (id, beat, dead, lease_ms, namespace, name)
VALUES ($1::bigint, 0, false, $2::bigint, $3::varchar, $4::varchar)`

/**
 * The floor is read under a lock. So a session that raises the floor sees this gate, or the gate has the raised floor.
 */
export const OPEN_GATE: string = own(`
WITH place AS (SELECT f.floor FROM lockpool.dist_floor AS f WHERE f.id {=} 1 FOR UPDATE)
INSERT INTO lockpool.dist_gate (id, epoch, floor)
SELECT $1::bigint, 0, place.floor FROM place
RETURNING floor`)

/** A heartbeat. No row means that the member was declared dead. */
export const BEAT: string = own(`
UPDATE lockpool.dist_member AS m SET beat = m.beat {+} 1
WHERE m.id {=} $1::bigint AND NOT m.dead
RETURNING m.beat`)

export const OTHER_MEMBERS: string = own(`
SELECT m.id, m.beat, m.lease_ms, m.dead FROM lockpool.dist_member AS m WHERE m.id {<>} $1::bigint`)

/** Compare-and-set: declares a member dead only if its counter has not moved. */
export const BURY: string = own(`
UPDATE lockpool.dist_member AS m SET dead = true
WHERE m.id {=} $1::bigint AND m.beat {=} $2::bigint AND NOT m.dead
RETURNING m.id`)

/** Ends a member with all that it holds. */
export const ABANDON: string = own(`
UPDATE lockpool.dist_member AS m SET dead = true WHERE m.id {=} $1::bigint AND NOT m.dead RETURNING m.id`)

export const LOOK_AT_MEMBER: string = own(`
SELECT g.epoch, m.dead FROM lockpool.dist_member AS m JOIN lockpool.dist_gate AS g ON g.id {=} m.id
WHERE m.id {=} $1::bigint`)

/** No statement of an earlier epoch has an effect after this. */
export const RAISE_EPOCH: string = own(`
UPDATE lockpool.dist_gate AS g SET epoch = $2::bigint WHERE g.id {=} $1::bigint AND g.epoch {<} $2::bigint`)

/** The same without a known epoch, for a member that ends. It may run twice. */
export const CLOSE_GATE: string = own(`
UPDATE lockpool.dist_gate AS g SET epoch = g.epoch {+} 1 WHERE g.id {=} $1::bigint RETURNING g.epoch`)

export const REMOVE_GATE: string = own(`DELETE FROM lockpool.dist_gate AS g WHERE g.id {=} $1::bigint`)

export const REMOVE_MEMBER: string = own(`DELETE FROM lockpool.dist_member AS m WHERE m.id {=} $1::bigint`)

/** The names of members that are not dead. */
export const MEMBER_NAMES: string = own(`
SELECT m.id, m.name FROM lockpool.dist_member AS m WHERE m.id {=} ANY ($1::bigint[]) AND NOT m.dead ORDER BY m.id`)

export const COUNT_MEMBERS = `
SELECT pg_catalog.count(*) AS count FROM lockpool.dist_member AS m WHERE NOT m.dead`

/** Members that join from now on start new rows above this floor. The floor grows in any case. */
export const RAISE_FLOOR: string = own(`
UPDATE lockpool.dist_floor AS f SET floor = greatest($1::bigint, f.floor {+} 1) WHERE f.id {=} 1
RETURNING f.floor`)

export const GATES_BELOW: string = own(`
SELECT g.id FROM lockpool.dist_gate AS g WHERE g.floor {<} $1::bigint`)

/** One gate at a time: a statement for all would conflict with every statement of every member. */
export const RAISE_FLOOR_OF_GATE: string = own(`
UPDATE lockpool.dist_gate AS g SET floor = $2::bigint WHERE g.id {=} $1::bigint AND g.floor {<} $2::bigint`)
