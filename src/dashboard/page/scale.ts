/** One line of a chart: a value for each moment, null where there is none. */
export type Values = readonly (number | null)[]

/** The greatest, and 0 if there is none. */
export function greatest(series: readonly Values[]): number {
  let most = 0
  for (const values of series) for (const value of values) if (value !== null && value > most) most = value
  return most
}

/** The next round number that is not smaller: 1, 2 or 5, and zeros. */
export function roundUp(value: number): number {
  if (value <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const factor = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10
  return factor * power
}

/** A scale from below the least to above the greatest, in powers of ten; null if there is nothing to show. */
export function decades(series: readonly Values[]): readonly [low: number, high: number] | null {
  const positive = series
    .flatMap((values) => values.filter((value) => value !== null))
    .map((value) => Math.max(value, 0.01))
  if (positive.length === 0) return null
  const low = Math.floor(Math.log10(Math.min(...positive)))
  const high = Math.ceil(Math.log10(Math.max(...positive)))
  return [low, Math.max(high, low + 1)]
}

/** A path with a gap where there is no value. A value between two gaps is a dot: a line of no length, with round ends. */
export function pathOf(values: Values, x: (at: number) => number, y: (value: number) => number): string {
  let path = ''
  let isDrawing = false
  values.forEach((value, at) => {
    if (value === null) {
      isDrawing = false
      return
    }
    const point = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`
    const isAlone = !isDrawing && (values[at + 1] ?? null) === null
    path += `${isDrawing ? 'L' : 'M'}${point}${isAlone ? `L${point}` : ''}`
    isDrawing = true
  })
  return path
}

/** The newest value there is. */
export function latest(values: Values): number | null {
  return values.findLast((value) => value !== null) ?? null
}

/** The index of the moment that is nearest to `moment`. */
export function nearest(moments: readonly number[], moment: number): number {
  let best = 0
  moments.forEach((each, at) => {
    if (Math.abs(each - moment) < Math.abs(moments[best]! - moment)) best = at
  })
  return best
}
