import { LISTENER_PREFIX, REGISTRATION_SUFFIXES, QUEUE_SUFFIX } from '../keys/lock-names.js'

const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`

/**
 * The length of one sleep, in seconds. It is shorter than usual values of `long_query_time`, so the slow query log does
 * not show it.
 */
const SLEEP_S = 2

/**
 * For each key, separated by commas: the connections that listen for waiting sessions, or 0 for a waiting session
 * without one.
 */
export const WAITING_LISTENERS: string =
  `SELECT GROUP_CONCAT(CONCAT_WS('+', ${REGISTRATION_SUFFIXES.map(
    (suffix) =>
      `IF(COALESCE(IS_USED_LOCK(CONCAT(k, '${suffix}')), CONNECTION_ID()) = CONNECTION_ID(), NULL, ` +
      `COALESCE(IS_USED_LOCK(CONCAT('${LISTENER_PREFIX}', IS_USED_LOCK(CONCAT(k, '${suffix}')))), 0))`,
  ).join(', ')}) SEPARATOR ','), CONNECTION_ID() ` +
  `FROM JSON_TABLE(?, '$[*]' COLUMNS (k ${NAME} PATH '$')) AS t`

/** Cancels the running statement of another session of this user. The session itself stays. */
export function interrupt(id: number): string {
  return `KILL QUERY ${id}`
}

/** Takes and releases the name by which releasing processes find the listening connection. */
export const TAKE_LISTENER_NAME = `SELECT GET_LOCK(?, 0), CONNECTION_ID()`
export const RELEASE_LISTENER_NAME = `SELECT RELEASE_LOCK(?), CONNECTION_ID()`

const IS_FREE = `IS_FREE_LOCK(k) = 1`

/**
 * Returns at once which of the names are free, as positions in the array. If none is free, it sleeps until it is
 * interrupted. A release before this statement is seen by the check; a later one interrupts the sleep.
 */
export const SLEEP_UNTIL_FREE: string = sleepUntil(IS_FREE)

/**
 * Used after an interruption: also returns locks for which other sessions queue. Such a lock is never free, and a
 * waiter that only listens must learn about the queue.
 */
export const SLEEP_UNTIL_FREE_OR_QUEUED: string = sleepUntil(
  `${IS_FREE} OR IS_USED_LOCK(CONCAT(k, '${QUEUE_SUFFIX}')) IS NOT NULL`,
)

function sleepUntil(condition: string): string {
  return (
    `SELECT d.f, IF(d.f IS NULL, SLEEP(${SLEEP_S}), 0), CONNECTION_ID() ` +
    `FROM (SELECT GROUP_CONCAT(IF(${condition}, i, NULL)) AS f ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (i FOR ORDINALITY, k ${NAME} PATH '$')) AS t) AS d`
  )
}

export const SLEEP: string = `SELECT SLEEP(${SLEEP_S}), CONNECTION_ID()`
