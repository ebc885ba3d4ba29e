import { LockPool } from '../../src/index.js'
import { sharedNow } from '../measure.js'
import { serve } from '../worker.js'

/** The time of the shared clock until which this process wants the lock. */
export interface CrowdQuestion {
  readonly untilMs: number
}

/** The number of grants of this process up to a time. */
export interface Tally {
  readonly atMs: number
  readonly grants: number
}

const TALLY_EVERY_MS = 100

const [url = '', key = '', waiters = ''] = process.argv.slice(2)
const locks = new LockPool({ connection: url, applicationName: 'lockpool-bench-crowd' })

serve(
  async ({ untilMs }: CrowdQuestion): Promise<Tally[]> => {
    await locks.ready()
    const tallies: Tally[] = []
    let grants = 0
    const tally = (): void => void tallies.push({ atMs: sharedNow(), grants })
    const timer = setInterval(tally, TALLY_EVERY_MS)
    tally()
    await Promise.all(
      Array.from({ length: Number(waiters) }, async () => {
        while (sharedNow() < untilMs) {
          const lock = await locks.acquire(key)
          grants++
          await lock.release()
        }
      }),
    )
    clearInterval(timer)
    return tallies
  },
  () => locks.close(),
)
