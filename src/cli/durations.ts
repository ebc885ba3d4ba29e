/** Milliseconds in each unit a duration may end in. */
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

type Unit = keyof typeof UNITS

/** One day: the longest time limit of the library, apart from Infinity. */
export const LONGEST_DURATION_MS: number = 24 * UNITS.h

/** The valid durations, in words. */
export const DURATION_IN_WORDS = 'a duration such as 500ms, 30s, 5m or 2h, at most 24h'

/**
 * `500ms`, `30s`, `1.5m`, `2h`; a bare number is seconds, as in flock(1) and timeout(1). Rounds up to a whole millisecond, so
 * that only zero becomes zero. Null if the text is no duration, or more than a day.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h)?$/.exec(text)
  if (match === null) return null
  const [, number, unit = 's'] = match
  // 1.1 * 1000 is 1100.0000000000002, which must not become 1101.
  const exact = Number((Number(number) * UNITS[unit as Unit]).toFixed(6))
  const durationMs = Math.ceil(exact)
  return durationMs <= LONGEST_DURATION_MS ? durationMs : null
}

/** The duration in the largest unit without a fraction. `parseDuration` reads it as the same number. */
export function durationText(durationMs: number): string {
  const whole = Math.round(durationMs)
  const units: readonly Unit[] = ['h', 'm', 's']
  const unit = whole === 0 ? 's' : (units.find((each) => whole % UNITS[each] === 0) ?? 'ms')
  return `${whole / UNITS[unit]}${unit}`
}
