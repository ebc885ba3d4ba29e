import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from '../../src/index.js'
import { percentile, sharedNow } from '../measure.js'
import { serve } from '../worker.js'
import {
  CALLERS,
  COLD_KEYS,
  HOLD_MS,
  HOT_KEYS,
  type CrowdAnswer,
  type CrowdQuestion,
} from './hot-and-cold-terms.js'

const [url = ''] = process.argv.slice(2)
// The server's connection limit does not allow forty pools of the default size.
const locks = new LockPool({ connection: url, max: 3, applicationName: 'lockpool-bench-hot-and-cold' })

serve(
  async ({ untilMs }: CrowdQuestion): Promise<CrowdAnswer> => {
    await locks.ready()
    // A caller that has not got its key at the end fails 30 seconds after it.
    const timeoutMs = Math.ceil(untilMs - sharedNow()) + 30_000
    const waits: number[] = []
    const errors: string[] = []
    const take = async (key: string, holdMs: number): Promise<void> => {
      const from = sharedNow()
      const lock = await locks.acquire(key, { timeoutMs }).finally(() => waits.push(sharedNow() - from))
      if (holdMs > 0) await sleep(holdMs)
      await lock.release()
    }
    const hotGrants = await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        let grants = 0
        try {
          while (sharedNow() < untilMs) {
            await take(`hot ${anyOf(HOT_KEYS)}`, HOLD_MS)
            if (sharedNow() < untilMs) grants++
            await take(`cold ${anyOf(COLD_KEYS)}`, 0)
          }
        } catch (error) {
          errors.push(String(error))
        }
        return grants
      }),
    )
    return { p999: percentile(waits, 0.999), hotGrants, errors }
  },
  () => locks.close(),
)

function anyOf(count: number): number {
  return Math.floor(Math.random() * count)
}
