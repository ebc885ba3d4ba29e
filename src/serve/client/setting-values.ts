const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Reads a time whose unit is the millisecond, as PostgreSQL does: `5000`, `'5s'`, `'1.5min'`. Null if it is not valid. */
export function readMilliseconds(text: string): number | null {
  const parts = /^\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  if (parts === null) return null
  const [, number, unit] = parts
  const factor = unit === '' ? 1 : MILLISECONDS[unit!]
  return factor === undefined ? null : Math.round(Number(number) * factor)
}

/** The time as SHOW returns it: in the largest unit without a remainder. */
export function shownMilliseconds(milliseconds: number): string {
  if (milliseconds === 0) return '0'
  const units = ['d', 'h', 'min', 's'] as const
  const unit = units.find((each) => Number.isInteger(milliseconds / MILLISECONDS[each]!)) ?? 'ms'
  return `${milliseconds / MILLISECONDS[unit]!}${unit}`
}
