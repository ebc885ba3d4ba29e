import type { Clock } from './clock.js'

/**
 * Settles like `work`, but rejects with the error of `late` if `work` takes longer than `limitMs`. The work continues;
 * no timer is left.
 */
export async function inTime<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  let cancel = (): void => undefined
  const timeUp = new Promise<never>((_, reject) => {
    cancel = clock.after(limitMs, () => reject(late()))
  })
  try {
    return await Promise.race([work, timeUp])
  } finally {
    cancel()
  }
}
