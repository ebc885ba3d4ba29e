/** How pairs of lock and unlock are made where locks are rows, and what they are compared with. */
export type RowPairsKind =
  | 'new names'
  | 'the same names'
  | 'session locks'
  | 'a lock table by hand'
  | 'two bare writes'
  | 'Redis'
  | 'Redis, pipelined'

export const CALLERS = 1000
/** Those of `pg.Pool` queue for a connection: more would only wait for longer. */
export const POOL_CALLERS = 100
export const POOL_SIZE = 10
/** Connections from the pooler to the server. */
export const SERVER_CONNECTIONS = 2
