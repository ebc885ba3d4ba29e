/** How pairs of lock and unlock are made in MariaDB, and what they are compared with. */
export type MysqlPairsKind =
  | 'named'
  | 'rows, new names'
  | 'rows, names that repeat'
  | 'GET_LOCK and RELEASE_LOCK'
  | 'two bare updates'
  | 'one caller, named'
  | 'one caller, rows'
  | 'one caller, GET_LOCK and RELEASE_LOCK'
  | 'one caller, two bare updates'

export const CALLERS = 1000
/** Those of a `mysql2` pool queue for a connection: more would only wait for longer. */
export const POOL_CALLERS = 100
export const POOL_SIZE = 10
/** One place of the pool is kept for borrowers. */
export const SESSIONS = 2
