export interface PairsQuestion {
  readonly seconds: number
}

export interface PairsAnswer {
  readonly pairsPerSecond: number
  /** Of this process. */
  readonly cpuMicrosecondsPerPair: number
}

/** How pairs of lock and unlock are made. */
export type PairsKind = 'new-names' | 'same-names' | 'pg.Pool' | 'connection-per-lock' | 'server-alone'

export const CALLERS = 1000
/** One place in the pool is kept for borrowers. */
export const SESSIONS = 2
/** More callers than connections: those of `pg.Pool` queue for one, and a connection per lock would run into the server's limit. */
export const REFERENCE_CALLERS = 100
export const POOL_SIZE = 10
/**
 * Before each round, and not counted. While the others have their round a process that does nothing gives memory back and
 * the system takes its caches; how fast it is again after that is another question than how fast it is.
 */
export const RUN_UP_SECONDS = 0.5

export const APPLICATION = 'lockpool-bench-pairs'
