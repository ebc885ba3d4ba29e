import { TOKEN_STEP } from './lock-operation.js'

/**
 * Fencing tokens begin with the time of day: a sequence or a table that is created again, and a server that knows nothing
 * of the grants of another one, would otherwise give the same tokens again. This is the number of tokens per millisecond,
 * which is more than can be given in a millisecond.
 */
export const TOKENS_PER_MS: number = 1024 * TOKEN_STEP

/** The year 2200. A clock with a later time is ignored: tokens end in 2248. */
export const LAST_CLOCK_MS = 7_258_118_400_000
