/** `name` is quoted already. */
export function useDatabase(name: string): string {
  return `USE ${name}`
}

export const ISOLATION = {
  'read uncommitted': `SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED`,
  'read committed': `SET TRANSACTION ISOLATION LEVEL READ COMMITTED`,
  'repeatable read': `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`,
  serializable: `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`,
} as const

export const BEGIN = `START TRANSACTION`
export const COMMIT = `COMMIT`
export const ROLLBACK = `ROLLBACK`

/** Does nothing. Its answer says in which state the session is. */
export const STATUS = `DO 0`

/**
 * The timeouts of this session for waits for rows and for tables, in whole seconds; and whether the server rolls back
 * the whole transaction after such a timeout.
 */
export const LOCK_WAITS = `SELECT @@session.innodb_lock_wait_timeout, @@session.lock_wait_timeout, @@innodb_rollback_on_timeout`
export const SET_LOCK_WAITS = `SET SESSION innodb_lock_wait_timeout = ?, lock_wait_timeout = ?`

/** MariaDB supports only the old syntax for shared locks. MySQL supports SKIP LOCKED only with the new one. */
export const ROW_STRENGTHS = {
  update: { mariadb: `FOR UPDATE`, mysql: `FOR UPDATE` },
  share: { mariadb: `LOCK IN SHARE MODE`, mysql: `FOR SHARE` },
} as const

export const ROW_WAITS = { block: ``, nowait: ` NOWAIT`, 'skip locked': ` SKIP LOCKED` } as const

/** `table` and `conditions` are quoted already. */
export function lockRowsStatement(
  table: string,
  conditions: readonly string[],
  strength: keyof typeof ROW_STRENGTHS,
  wait: keyof typeof ROW_WAITS,
  product: 'mariadb' | 'mysql',
): string {
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return `SELECT * FROM ${table}${where} ${ROW_STRENGTHS[strength][product]}${ROW_WAITS[wait]}`
}
