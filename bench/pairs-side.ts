import { cpuUsage } from 'node:process'
import { serve } from './worker.js'
import { RUN_UP_SECONDS, type PairsAnswer, type PairsQuestion } from './workers/pairs-terms.js'

/** Pairs a second, for about so long. */
export interface Side {
  run(seconds: number): Promise<number>
  end(): Promise<void>
}

/** The work of a worker that makes pairs of lock and unlock: how many it makes, and the CPU time that each takes here. */
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
