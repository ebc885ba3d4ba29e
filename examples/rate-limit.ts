/**
 * No more than so many calls of a service per second, over all processes: a limit that the service itself sets, and
 * answers with 429 if it is passed.
 *
 * A permit of the semaphore is kept for at least the length of the window, even if the call was over sooner. So in no window
 * do more calls begin than there are permits, and none is wasted on a counter that a crash could leave wrong. The caller has
 * his answer at once. Without the window it is a limit of how many run at a time.
 *
 *     DATABASE_URL=postgres://... node examples/rate-limit.ts      # start it twice, and both together keep the limit
 */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LockPool, type Semaphore } from 'lockpool'

export async function atRate<T>(limit: Semaphore, windowMs: number, call: () => Promise<T>): Promise<T> {
  const permit = await limit.acquire({ timeoutMs: 60_000 })
  const windowIsOver = pause(windowMs)
  try {
    return await call()
  } finally {
    // A permit that was lost meanwhile can't be given back, and need not be.
    void windowIsOver.then(() => permit.release()).catch(() => undefined)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  const fivePerSecond = locks.semaphore('calls of the address service', 5)
  const since = performance.now()
  await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      atRate(fivePerSecond, 1000, async () => {
        console.log(`call ${i + 1} after ${Math.round(performance.now() - since)} ms`)
      }),
    ),
  )
  console.log('12 calls, no more than 5 in any second')
  await locks.close()
}
