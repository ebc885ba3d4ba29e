import { REGISTRATION_SUFFIXES, QUEUE_SUFFIX, SHAPE_SLOTS } from '../keys/lock-names.js'
import { TOKEN } from './server-queue-sql.js'

const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`

/**
 * Rows of `[1, slot]` try to acquire the slot, rows of `[0, slot]` check whether it is free. Each answer is a token, or
 * `g` if there are no tokens, `f` for a free slot, or `n`.
 */
function take(token: string): string {
  return (
    `SELECT GROUP_CONCAT(CASE WHEN o = 1 THEN IF(GET_LOCK(k, 0) = 1, ${token}, 'n') ` +
    `WHEN IS_FREE_LOCK(k) = 1 THEN 'f' ELSE 'n' END SEPARATOR ','), CONNECTION_ID() ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (o TINYINT PATH '$[0]', k ${NAME} PATH '$[1]')) AS t`
  )
}

export const TAKE_SLOTS: string = take(TOKEN)
export const TAKE_SLOTS_PLAIN: string = take(`'g'`)

/**
 * `d`: released. `a`: released, and a session is in the queue for it. `n`: it was not held. The queue is checked before
 * the release, because a session that gets the slot leaves the queue a moment later.
 */
export const GIVE_SLOTS: string =
  `SELECT GROUP_CONCAT(IF(IS_USED_LOCK(CONCAT(k, '${QUEUE_SUFFIX}')) IS NULL, ` +
  `IF(RELEASE_LOCK(k) = 1, 'd', 'n'), IF(RELEASE_LOCK(k) = 1, 'a', 'n')) SEPARATOR ''), ` +
  `CONNECTION_ID() FROM JSON_TABLE(?, '$[*]' COLUMNS (k ${NAME} PATH '$')) AS t`

/** Acquires the first free name of those given, and returns its position, or `n` if none is free. */
export const TAKE_FIRST: Readonly<Record<number, string>> = {
  [SHAPE_SLOTS]: takeFirst(SHAPE_SLOTS),
  [REGISTRATION_SUFFIXES.length]: takeFirst(REGISTRATION_SUFFIXES.length),
}

function takeFirst(count: number): string {
  const attempts = Array.from({ length: count }, (_, i) => `WHEN GET_LOCK(?, 0) = 1 THEN '${i}'`)
  return `SELECT CASE ${attempts.join(' ')} ELSE 'n' END, CONNECTION_ID()`
}

/** Whether another session holds one of the registration names. */
export const IS_WANTED: string = isUsed(REGISTRATION_SUFFIXES.length)

/** Whether another session holds one of these, or is in the queue. The queue is one name more. */
export const IS_WANTED_OR_AWAITED: string = isUsed(REGISTRATION_SUFFIXES.length + 1)

function isUsed(names: number): string {
  const users = Array.from({ length: names }, () => `NULLIF(IS_USED_LOCK(?), CONNECTION_ID())`)
  return `SELECT COALESCE(${users.join(', ')}) IS NOT NULL, CONNECTION_ID()`
}

export const GIVE_ONE: string = `SELECT RELEASE_LOCK(?), CONNECTION_ID()`

/** All numbers of permits that sessions use for the semaphore `?`, of those in the array. */
export const OTHER_SHAPES: string =
  `SELECT GROUP_CONCAT(IF(COALESCE(${Array.from({ length: SHAPE_SLOTS }, (_, i) => `IS_USED_LOCK(CONCAT(?, '=', n, '/${i}'))`).join(', ')}) ` +
  `IS NULL, NULL, n)), CONNECTION_ID() FROM JSON_TABLE(?, '$[*]' COLUMNS (n INT PATH '$')) AS t`
