import { cpuUsage } from 'node:process'
import { serve } from './worker.js'
import { RUN_UP_SECONDS, type PairsAnswer, type PairsQuestion } from './workers/pairs-terms.js'

/** Makes pairs of lock and unlock for about `seconds`. Returns the pairs per second. */
export interface Side {
  run(seconds: number): Promise<number>
  end(): Promise<void>
}

/**
 * Serves a worker that makes pairs of lock and unlock. Answers with the rate, and with the CPU time of this process per
 * pair.
 */
export function servePairs(side: Side): void {
  serve(
    async ({ seconds }: PairsQuestion): Promise<PairsAnswer> => {
      await side.run(RUN_UP_SECONDS)
      const before = cpuUsage()
      const pairsPerSecond = await side.run(seconds)
      const { user, system } = cpuUsage(before)
      return { pairsPerSecond, cpuMicrosecondsPerPair: (user + system) / (pairsPerSecond * seconds) }
    },
    () => side.end(),
  )
}
