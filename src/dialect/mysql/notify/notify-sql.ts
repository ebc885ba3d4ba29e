import { BELL_PREFIX, INTEREST_SUFFIXES, LINE_SUFFIX } from '../keys/lock-names.js'

const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`

/** Seconds. Shorter than any `long_query_time` that somebody would set, so that no log has it. */
const SLEEP_S = 2

/** Seconds. One who has not come to the head of a line by then, or to the lock, has lost its place. */
const LINE_S = 0.25

/** For each key, separated by commas, those who wait for it in other sessions: the connection that listens for each, or 0. */
export const WHO_WAITS: string =
  `SELECT GROUP_CONCAT(CONCAT_WS('+', ${INTEREST_SUFFIXES.map(
    (suffix) =>
      `IF(COALESCE(IS_USED_LOCK(CONCAT(k, '${suffix}')), CONNECTION_ID()) = CONNECTION_ID(), NULL, ` +
      `COALESCE(IS_USED_LOCK(CONCAT('${BELL_PREFIX}', IS_USED_LOCK(CONCAT(k, '${suffix}')))), 0))`,
  ).join(', ')}) SEPARATOR ','), CONNECTION_ID() ` +
  `FROM JSON_TABLE(?, '$[*]' COLUMNS (k ${NAME} PATH '$')) AS t`

/** Ends what another session of this user is doing, and nothing else of it. */
export function interrupt(id: number): string {
  return `KILL QUERY ${id}`
}

/** Takes the name by which whoever rings finds the connection that listens. */
export const PUT_UP = `SELECT GET_LOCK(?, 0), CONNECTION_ID()`
export const TAKE_DOWN = `SELECT RELEASE_LOCK(?), CONNECTION_ID()`

/**
 * Answers at once which of the names are free, by their places in the array; if none is, it sleeps until it is interrupted.
 * A release before this look is seen by it, and one behind it interrupts the sleep.
 */
export const SLEEP_UNTIL_FREE: string =
  `SELECT d.f, IF(d.f IS NULL, SLEEP(${SLEEP_S}), 0), CONNECTION_ID() FROM (SELECT GROUP_CONCAT(IF(IS_FREE_LOCK(k) = 1, i, NULL)) AS f ` +
  `FROM JSON_TABLE(?, '$[*]' COLUMNS (i FOR ORDINALITY, k ${NAME} PATH '$')) AS t) AS d`

export const SLEEP: string = `SELECT SLEEP(${SLEEP_S}), CONNECTION_ID()`

/**
 * Waits in line for the lock, whose name is the last two parameters; the others are the name of the line. Whoever has that is
 * the head of the line. It has the lock no longer than that it is known to be free. `h` or `q`: nobody was before us, or
 * somebody was. Then `f`: the lock was free; `c`: it has been given up; `l`: it was not, or there was no place.
 */
export const LINE_UP: string =
  `SELECT CASE WHEN GET_LOCK(?, 0) = 1 THEN 'h' WHEN GET_LOCK(?, ${LINE_S}) = 1 THEN 'q' ELSE 'l' END, ` +
  `CASE WHEN COALESCE(IS_USED_LOCK(?), 0) <> CONNECTION_ID() THEN 'l' ` +
  `WHEN GET_LOCK(?, 0) = 1 THEN IF(RELEASE_LOCK(?) = 1, 'f', 'f') ` +
  `WHEN GET_LOCK(?, ${LINE_S}) = 1 THEN IF(RELEASE_LOCK(?) = 1, 'c', 'c') ELSE 'l' END, CONNECTION_ID()`

/** The parameters of `LINE_UP`, for the lock of this name. */
export function lineParameters(name: string): string[] {
  const line = `${name}${LINE_SUFFIX}`
  return [line, line, line, name, name, name, name]
}
