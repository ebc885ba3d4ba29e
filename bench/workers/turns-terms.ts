/** In which ways the processes of the benchmark take turns. */
export type ContestantName = 'lockpool' | 'blocking' | 'semaphore'

/** Of the semaphore. */
export const PERMITS = 3
