import { LockPool } from '../../src/index.js'
import { sharedNow } from '../measure.js'
import { workMixed, type MixedOutcome } from '../mixed-work.js'
import { serve } from '../worker.js'

/** The time of the shared clock until which the callers go on. */
export interface MixedQuestion {
  readonly untilMs: number
}

const [url = '', callers = ''] = process.argv.slice(2)
const locks = new LockPool({ connection: url, applicationName: 'lockpool-bench-mixed' })

serve(
  async ({ untilMs }: MixedQuestion): Promise<MixedOutcome> => {
    await locks.ready()
    return workMixed(locks, Number(callers), () => sharedNow() >= untilMs)
  },
  () => locks.close(),
)
