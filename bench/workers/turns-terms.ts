/** In which ways the processes of the benchmark take turns. */
export type ContestantName = 'lockpool' | 'blocking' | 'semaphore' | 'rows, notified' | 'rows, polling'

/** Of the semaphore. */
export const PERMITS = 3
