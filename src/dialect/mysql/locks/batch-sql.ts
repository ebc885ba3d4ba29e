import { REGISTRATION_SUFFIXES, QUEUE_SUFFIX } from '../keys/lock-names.js'
import { TOKEN } from './server-queue-sql.js'

/**
 * The SQL of each operation. In these texts, `:k` is the name of the lock, `:0` to `:3` are the names of registrations
 * for it, `:l` is the name of its queue, and `:s` is the name of this session's own registration. Each answer is one
 * character: one of `SAID`, or the digit of the name that now has the registration.
 *
 * GET_LOCK never waits here. IF and CASE are evaluated from left to right, and no further than needed. The functions
 * return NULL for unknown values, so each answer is compared with 1.
 */
const SLOTS = REGISTRATION_SUFFIXES.map((_, i) => i)
const WANTED = `COALESCE(${SLOTS.map((i) => `IS_USED_LOCK(:${i})`).join(', ')}) IS NOT NULL`
/**
 * The attempt that decides to wait comes after the registration is set: a process that releases the lock later sees the
 * registration.
 */
const WAIT_IN_SLOTS = SLOTS.map(
  (i) =>
    `WHEN GET_LOCK(:${i}, 0) = 1 THEN IF(GET_LOCK(:k, 0) = 1, IF(RELEASE_LOCK(:${i}) = 1, 'g', 'g'), '${i}')`,
).join(' ')
const QUEUE_IN_SLOTS = SLOTS.map((i) => `WHEN GET_LOCK(:${i}, 0) = 1 THEN '${i}'`).join(' ')
const YIELD_IN_SLOTS = SLOTS.map(
  (i) => `WHEN GET_LOCK(:${i}, 0) = 1 THEN IF(RELEASE_LOCK(:k) = 1, '${i}', '${i}')`,
).join(' ')
export const COULD_BE_HAD = `IF(IS_FREE_LOCK(:k) = 1, 'r', 'd')`

/** The operations on one key, as the server runs them. */
export type ServerOperation =
  'try' | 'release' | 'releaseWide' | 'wait' | 'queue' | 'retry' | 'promote' | 'leave' | 'depart' | 'yield'

/** The operations by name. A batch uses their codes. */
export const OPERATIONS: Readonly<Record<ServerOperation, { readonly code: number; readonly sql: string }>> =
  {
    try: { code: 1, sql: `IF(GET_LOCK(:k, 0) = 1, 'g', 'n')` },
    /** For a key without known waiters: a waiter takes the first registration name if that is free. */
    release: { code: 2, sql: `IF(RELEASE_LOCK(:k) = 1, IF(IS_USED_LOCK(:0) IS NULL, 'd', 'r'), 'n')` },
    releaseWide: { code: 9, sql: `IF(RELEASE_LOCK(:k) = 1, IF(${WANTED}, 'r', 'd'), 'n')` },
    /** Without a registration so far. */
    wait: { code: 3, sql: `CASE WHEN GET_LOCK(:k, 0) = 1 THEN 'g' ${WAIT_IN_SLOTS} ELSE 'c' END` },
    queue: { code: 4, sql: `CASE ${QUEUE_IN_SLOTS} ELSE 'c' END` },
    /** With a registration. */
    retry: { code: 5, sql: `IF(GET_LOCK(:k, 0) = 1, IF(RELEASE_LOCK(:s) = 1, 'g', 'g'), 'n')` },
    /**
     * With a registration under another name than the first. Takes the first name if it has become free, before the
     * attempt that decides.
     */
    promote: {
      code: 10,
      sql:
        `CASE WHEN GET_LOCK(:0, 0) = 1 THEN IF(GET_LOCK(:k, 0) = 1, ` +
        `IF(RELEASE_LOCK(:s) + RELEASE_LOCK(:0) = 2, 'g', 'g'), IF(RELEASE_LOCK(:s) = 1, '0', '0')) ` +
        `WHEN GET_LOCK(:k, 0) = 1 THEN IF(RELEASE_LOCK(:s) = 1, 'g', 'g') ELSE 'n' END`,
    },
    leave: { code: 6, sql: `IF(RELEASE_LOCK(:s) = 1, ${COULD_BE_HAD}, ${COULD_BE_HAD})` },
    /** Without a registration, because no name was free. */
    depart: { code: 7, sql: COULD_BE_HAD },
    yield: {
      code: 8,
      sql:
        `CASE WHEN COALESCE(IS_USED_LOCK(:k), 0) <> CONNECTION_ID() THEN 'n' ` +
        `WHEN NOT (${WANTED}) THEN IF(IS_USED_LOCK(:l) IS NULL, 'g', IF(RELEASE_LOCK(:k) = 1, 'd', 'n')) ` +
        `${YIELD_IN_SLOTS} ELSE IF(RELEASE_LOCK(:k) = 1, 'c', 'c') END`,
    },
  }

/** One statement, with the names of its parameters in order. */
export interface Statement {
  readonly sql: string
  readonly names: readonly string[]
}

/** The places of names in these texts, also of those that only shared mode has. */
export const PLACES: RegExp = /:(r\d+|[k0-9lstwy])/g

/**
 * One operation in its own statement: this takes a tenth of a millisecond, a batch of one half a millisecond. A token
 * replaces the `g`; it is drawn once the lock is held.
 */
function single(sql: string, token: string): Statement {
  const names: string[] = []
  const text = sql.replaceAll(`'g'`, token).replaceAll(PLACES, (_, name: string) => {
    names.push(name)
    return '?'
  })
  return { sql: `SELECT ${text}, CONNECTION_ID()`, names }
}

const KINDS = Object.keys(OPERATIONS) as ServerOperation[]

function singles(token: string): Readonly<Record<ServerOperation, Statement>> {
  const statements = KINDS.map((kind) => [kind, single(OPERATIONS[kind].sql, token)] as const)
  return Object.fromEntries(statements) as Record<ServerOperation, Statement>
}

/** The statements for one operation, with tokens and without. */
export const WITH_TOKEN: Readonly<Record<ServerOperation, Statement>> = singles(TOKEN)
export const WITHOUT_TOKEN: Readonly<Record<ServerOperation, Statement>> = singles(`'g'`)

function inBatch(sql: string): string {
  return sql.replaceAll(PLACES, (_, name: string) => {
    if (name === 'k' || name === 's') return name
    return `CONCAT(k, '${name === 'l' ? QUEUE_SUFFIX : `/${name}`}')`
  })
}

const COLUMNS = `o TINYINT PATH '$[0]', k CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin PATH '$[1]', s CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin PATH '$[2]'`
const CASES = KINDS.map((kind) => `WHEN ${OPERATIONS[kind].code} THEN ${inBatch(OPERATIONS[kind].sql)}`)

/**
 * A batch has one parameter, in which each operation is `[code, name, own registration]`. The text is the same for
 * every size. The derived table is evaluated first, once, row by row in the order of the array. So the token is drawn
 * after the last operation.
 */
function batch(token: string): string {
  return (
    `SELECT d.a, ${token}, CONNECTION_ID() FROM (SELECT GROUP_CONCAT(CASE o ${CASES.join(' ')} END SEPARATOR '') AS a ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (${COLUMNS})) AS t) AS d`
  )
}

export const BATCH_WITH_TOKEN: string = batch(`IF(LOCATE('g', d.a) > 0, ${TOKEN}, NULL)`)
export const BATCH_WITHOUT_TOKEN: string = batch('NULL')

/**
 * After a failure: rows of `[1, name]` ask whether this session has the lock, rows of `[0, name]` release it. A session
 * may have a lock twice if it was acquired again while its state was unknown.
 */
export const RECONCILE: string =
  `SELECT GROUP_CONCAT(CASE o WHEN 1 THEN IF(IS_USED_LOCK(k) = CONNECTION_ID(), 'h', 'm') ` +
  `ELSE IF(RELEASE_LOCK(k) = 1, IF(RELEASE_LOCK(k) = 1, '2', '1'), '-') END SEPARATOR ''), CONNECTION_ID() ` +
  `FROM JSON_TABLE(?, '$[*]' COLUMNS (${COLUMNS})) AS t`
