import {
  LISTENER_PREFIX,
  REGISTRATION_SUFFIXES,
  QUEUE_SUFFIX,
  slotSuffix,
  WRITER_SUFFIX,
} from '../keys/lock-names.js'

const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`

/**
 * The length of one wait of a listening connection, in whole seconds, which MySQL requires. It is shorter than usual values
 * of `long_query_time`, so the slow query log does not show it.
 */
const WAIT_S = 2

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

/** Takes and releases a name. Neither waits. A session that takes its name again still holds it once. */
export const TAKE_NAME: string =
  `SELECT IF(IS_USED_LOCK(t.n) = CONNECTION_ID(), 1, GET_LOCK(t.n, 0)), CONNECTION_ID() ` +
  `FROM (SELECT CAST(? AS CHAR(64) CHARACTER SET latin1) AS n) AS t`
export const RELEASE_NAME = `SELECT RELEASE_LOCK(?), CONNECTION_ID()`

/**
 * The statements of a listening connection. The last parameter is an array of `[name, isWriter]`. Each returns what can be
 * had, as positions in the array, and the result of the wait. If there is any it does not wait. A release before the
 * statement is seen by the check; a later one interrupts the wait.
 */
export interface WaitStatements {
  readonly untilFree: string
  /**
   * Used after an interruption: also returns locks for which other sessions queue. Such a lock is never free, and a
   * waiter that only listens must learn about the queue. A lock that no session holds is returned to readers too while a
   * writer waits: both then try.
   */
  readonly untilFreeOrQueued: string
  /** Without an array: it checks nothing. */
  readonly unchecked: string
}

/**
 * The server serves KILL QUERY of a wait for a name without delay. The first parameter is the name, which another session
 * holds. MariaDB may stand still for seconds when it gets KILL QUERY of a sleep.
 */
export function waitStatements(sharedSlots: number): {
  readonly waitsForName: WaitStatements
  readonly sleeps: WaitStatements
} {
  return {
    waitsForName: statements(`GET_LOCK(?, ${WAIT_S})`, sharedSlots),
    sleeps: statements(`SLEEP(${WAIT_S})`, sharedSlots),
  }
}

const IS_FREE = `IS_FREE_LOCK(k) = 1`
const IS_QUEUED_FOR = `IS_USED_LOCK(CONCAT(k, '${QUEUE_SUFFIX}')) IS NOT NULL`
const NO_WRITER_WAITS = `IS_FREE_LOCK(CONCAT(k, '${WRITER_SUFFIX}')) = 1`

function statements(wait: string, slots: number): WaitStatements {
  const names = Array.from({ length: slots }, (_, i) => `CONCAT(k, '${slotSuffix(i)}')`)
  const noReader = `COALESCE(${names.map((name) => `IS_USED_LOCK(${name})`).join(', ')}) IS NULL`
  const hasSlot = `(${names.map((name) => `IS_FREE_LOCK(${name}) = 1`).join(' OR ')})`
  const canBeHad = (isLate: string): string =>
    slots === 0
      ? IS_FREE
      : `${IS_FREE} AND IF(w = 1, ${noReader}, IF(${NO_WRITER_WAITS}, ${hasSlot}, ${isLate}))`
  return {
    untilFree: until(canBeHad('0'), wait),
    untilFreeOrQueued: until(`(${canBeHad(noReader)}) OR ${IS_QUEUED_FOR}`, wait),
    unchecked: `SELECT NULL, ${wait}, CONNECTION_ID()`,
  }
}

function until(condition: string, wait: string): string {
  return (
    `SELECT d.f, IF(d.f IS NULL, ${wait}, 0), CONNECTION_ID() ` +
    `FROM (SELECT GROUP_CONCAT(IF(${condition}, i, NULL)) AS f ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (i FOR ORDINALITY, k ${NAME} PATH '$[0]', w TINYINT PATH '$[1]')) AS t) AS d`
  )
}
