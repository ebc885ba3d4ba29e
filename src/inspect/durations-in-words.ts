const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** As short as it can be read at a glance: `340 ms`, `4.2 s`, `3 m 12 s`, `2 h 5 m`, `3 d 4 h`. */
export function durationInWords(ms: number): string {
  if (ms < SECOND_MS) return `${Math.floor(ms)} ms`
  if (ms < 10 * SECOND_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return inTwo(ms, MINUTE_MS, 'm', SECOND_MS, 's')
  if (ms < DAY_MS) return inTwo(ms, HOUR_MS, 'h', MINUTE_MS, 'm')
  return inTwo(ms, DAY_MS, 'd', HOUR_MS, 'h')
}

function inTwo(ms: number, unit: number, name: string, smaller: number, smallerName: string): string {
  const rest = Math.floor((ms % unit) / smaller)
  const whole = `${Math.floor(ms / unit)} ${name}`
  return rest === 0 ? whole : `${whole} ${rest} ${smallerName}`
}
