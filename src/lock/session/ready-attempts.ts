import { sleep, type Clock } from '../../base/clock.js'
import { NoAnswer } from '../../pool/no-answer.js'

/**
 * The most attempts with a server that does not answer in time. All processes of a machine often start at the same moment, and
 * then the machine is slow: 40 at once took longer than one attempt may (measured).
 */
const MOST_ATTEMPTS = 3

interface Opening {
  /** The pause after a failed attempt, in milliseconds. */
  readonly openingPauseMs: number
}

/** Tries again if no server has answered. A refusal is an answer, so it ends the attempts. */
export async function retryUntilAnswered(
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
