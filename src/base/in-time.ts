import type { Clock } from './clock.js'

/** As `work`, but rejects with what `late` makes if that is not done after `limitMs`. The work goes on; no timer does. */
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
