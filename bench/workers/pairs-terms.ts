export interface PairsQuestion {
  readonly seconds: number
}

export interface PairsAnswer {
  readonly pairsPerSecond: number
  /** The CPU time of this process. */
  readonly cpuMicrosecondsPerPair: number
}

/** The ways to make pairs of lock and unlock. */
export type PairsKind = 'new-names' | 'same-names' | 'pg.Pool' | 'connection-per-lock' | 'server-alone'

export const CALLERS = 1000
/** The lock sessions. The pool has one connection more, which is reserved for borrowers. */
export const SESSIONS = 2
/**
 * More callers than connections: callers of `pg.Pool` queue for a connection. With more of them, a connection per lock
 * would exceed the server's limit.
 */
export const REFERENCE_CALLERS = 100
export const POOL_SIZE = 10
/**
 * Runs before each round and is not counted. While the others have their round, an idle process gives memory back and
 * loses its caches. The benchmark does not measure how fast a process is again after that.
 */
export const RUN_UP_SECONDS = 0.5

export const APPLICATION = 'lockpool-bench-pairs'
