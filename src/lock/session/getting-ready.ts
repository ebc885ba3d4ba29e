import { sleep, type Clock } from '../../base/clock.js'
import { NoAnswer } from '../../pool/no-answer.js'

/**
 * So often a server is asked that has not answered in time. All processes of a machine often start at the same moment, and
 * then it is the machine that is slow: 40 at once have been seen to take longer than one attempt may.
 */
const MOST_ATTEMPTS = 3

interface Opening {
  /** How long no attempt is made after one that failed. */
  readonly openingPauseMs: number
}

/** Tries again where no server has answered. A refusal is an answer, so a server that refuses is not asked again. */
export async function untilAnswered(
  attempt: () => Promise<void>,
  pool: Opening,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 1; ; i++) {
    try {
      return await attempt()
    } catch (error) {
      if (i === MOST_ATTEMPTS || !(error instanceof NoAnswer)) throw error
    }
    await sleep(clock, pool.openingPauseMs, signal)
    signal.throwIfAborted()
  }
}
