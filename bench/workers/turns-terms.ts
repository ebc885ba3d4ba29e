/** The ways in which the processes of the benchmark take turns. */
export type ContestantName = 'lockpool' | 'blocking' | 'semaphore' | 'rows, notified' | 'rows, polling'

/** The permits of the semaphore. */
export const PERMITS = 3
