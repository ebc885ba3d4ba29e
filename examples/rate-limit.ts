/**
 * Limits the calls of a service per second, across all processes, for example to a limit that the service enforces with
 * status 429.
 *
 * Each call keeps its permit of the semaphore for at least the length of the window, even if the call itself is
 * shorter. So in any window, no more calls begin than there are permits. There is no counter that a crash could leave
 * wrong. The caller gets its answer at once. Without the window, the semaphore limits how many calls run at a time.
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
    // A permit that was lost in the meantime can't be released, and need not be.
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
