const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** What PostgreSQL takes for a time whose unit is the millisecond: `5000`, `'5s'`, `'1.5min'`. Null if it is none. */
export function readMilliseconds(text: string): number | null {
  const parts = /^\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  if (parts === null) return null
  const [, number, unit] = parts
  const factor = unit === '' ? 1 : MILLISECONDS[unit!]
  return factor === undefined ? null : Math.round(Number(number) * factor)
}

/** As SHOW says it: in the greatest unit that leaves no rest. */
export function shownMilliseconds(milliseconds: number): string {
  if (milliseconds === 0) return '0'
  const units = ['d', 'h', 'min', 's'] as const
  const unit = units.find((each) => Number.isInteger(milliseconds / MILLISECONDS[each]!)) ?? 'ms'
  return `${milliseconds / MILLISECONDS[unit]!}${unit}`
}
