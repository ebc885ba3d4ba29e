import { BELL_PREFIX, INTEREST_SUFFIXES, LINE_SUFFIX } from '../keys/lock-names.js'

const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`

/** Seconds. Shorter than any `long_query_time` that somebody would set, so that no log has it. */
const SLEEP_S = 2

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

const IS_FREE = `IS_FREE_LOCK(k) = 1`

/**
 * Answers at once which of the names are free, by their places in the array; if none is, it sleeps until it is interrupted.
 * A release before this look is seen by it, and one behind it interrupts the sleep.
 */
export const SLEEP_UNTIL_FREE: string = sleepUntil(IS_FREE)

/**
 * As the first, after an interruption: answers those that others stand in line for as well. Such a lock is never free, and whoever only listens for
 * it has to know that there is a line.
 */
export const SLEEP_UNTIL_FREE_OR_IN_LINE: string = sleepUntil(
  `${IS_FREE} OR IS_USED_LOCK(CONCAT(k, '${LINE_SUFFIX}')) IS NOT NULL`,
)

function sleepUntil(condition: string): string {
  return (
    `SELECT d.f, IF(d.f IS NULL, SLEEP(${SLEEP_S}), 0), CONNECTION_ID() ` +
    `FROM (SELECT GROUP_CONCAT(IF(${condition}, i, NULL)) AS f ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (i FOR ORDINALITY, k ${NAME} PATH '$')) AS t) AS d`
  )
}

export const SLEEP: string = `SELECT SLEEP(${SLEEP_S}), CONNECTION_ID()`
