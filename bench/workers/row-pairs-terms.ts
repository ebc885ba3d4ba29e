/** The ways to make pairs of lock and unlock with locks in rows, and the ways to compare with. */
export type RowPairsKind =
  | 'new names'
  | 'the same names'
  | 'distributed SQL'
  | 'session locks'
  | 'a lock table by hand'
  | 'two bare writes'
  | 'Redis'
  | 'Redis, pipelined'

export const CALLERS = 1000
/** The callers of `pg.Pool`, which queue for a connection. More callers would only wait longer. */
export const POOL_CALLERS = 100
export const POOL_SIZE = 10
/** The connections from the pooler to the server. */
export const SERVER_CONNECTIONS = 2
