import { sleep, systemClock } from '../base/clock.js'

/** Whether `work` is done before `timeoutMs` are over. It goes on in any case; no timer does. */
export async function settlesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const settled = new AbortController()
  const isSettled = work.then(() => true)
  const isLate = sleep(systemClock, timeoutMs, settled.signal).then(() => false)
  try {
    return await Promise.race([isSettled, isLate])
  } finally {
    settled.abort()
  }
}
