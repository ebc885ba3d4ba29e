/** The distribution of a duration that was measured many times. Milliseconds. */
export interface Latency {
  readonly name: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly samples: number
}

/** How many times per second something was done. */
export interface Rate {
  readonly name: string
  readonly perSecond: number
}

export interface Figures {
  readonly latencies: readonly Latency[]
  readonly rates: readonly Rate[]
}

export function latencyOf(name: string, samplesMs: readonly number[]): Latency {
  const sorted = samplesMs.toSorted((a, b) => a - b)
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
  return { name, p50Ms: at(0.5), p99Ms: at(0.99), samples: sorted.length }
}

const BAR = 40

/** The figures as text. Figures of one kind have bars of one scale, so that users can compare them. */
export function figureLines({ latencies, rates }: Figures): string[] {
  const width = Math.max(...[...latencies, ...rates].map(({ name }) => name.length))
  const longest = Math.max(...latencies.map(({ p99Ms }) => p99Ms))
  const fastest = Math.max(...rates.map(({ perSecond }) => perSecond))
  const line = (name: string, figure: string, part: number): string =>
    `${name.padEnd(width)}  ${figure.padStart(16)}  ${'█'.repeat(Math.max(1, Math.round(part * BAR)))}`
  return [
    ...latencies.flatMap(({ name, p50Ms, p99Ms }) => [
      line(name, `p50 ${p50Ms.toFixed(2)} ms`, p50Ms / longest),
      line('', `p99 ${p99Ms.toFixed(2)} ms`, p99Ms / longest),
    ]),
    '',
    ...rates.map(({ name, perSecond }) => line(name, `${thousands(perSecond)}/s`, perSecond / fastest)),
  ]
}

function thousands(number: number): string {
  return String(Math.round(number)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}
