/** Pairs of lock and unlock in MariaDB, and what they are compared with. */
export type MysqlPairsKind =
  | 'named'
  | 'named, 4 slots'
  | 'named, 16 slots'
  | 'rows, new names'
  | 'rows, names that repeat'
  | 'GET_LOCK and RELEASE_LOCK'
  | 'two bare updates'
  | 'one caller, named'
  | 'one caller, named, 4 slots'
  | 'one caller, named, 16 slots'
  | 'one caller, rows'
  | 'one caller, GET_LOCK and RELEASE_LOCK'
  | 'one caller, two bare updates'

export const CALLERS = 1000
/** The callers of a `mysql2` pool, which queue for a connection. More callers would only wait longer. */
export const POOL_CALLERS = 100
export const POOL_SIZE = 10
/** The pool keeps one connection for borrowers. */
export const SESSIONS = 2
