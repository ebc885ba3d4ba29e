import { sleep, systemClock } from '../base/clock.js'

/** Whether `work` is done before `timeoutMs` are over. The work continues in any case; no timer is left. */
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
