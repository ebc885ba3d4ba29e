import { performance } from 'node:perf_hooks'

/** Several measurements of one thing. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Asked before every cycle; false when the time is over. The number of true answers is the number of cycles. */
export type GoesOn = () => boolean

/** Callers that never leave the microtask queue would keep the timer below from firing, so the clock is read as well. */
const CYCLES_BETWEEN_LOOKS = 64

/** Milliseconds on a clock that all processes of a machine share: on Linux, CLOCK_MONOTONIC. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Leaves out rounds without a figure: a short one may have had no grant. NaN if none has one. */
export function spread(samples: readonly number[]): Spread {
  const sorted = samples.filter(Number.isFinite).toSorted((a, b) => a - b)
  return { median: percentile(sorted, 0.5), min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN }
}

/** The value that a `part` of the samples does not exceed, by nearest rank. The samples may be in any order. */
export function percentile(samples: readonly number[], part: number): number {
  if (samples.length === 0) return NaN
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)]!
}

/** Our figure divided by that of the reference, round by round: in one round, the machine slows both down alike. */
export function ratios(ours: readonly number[], reference: readonly number[]): number[] {
  return ours.map((figure, round) => figure / reference[round]!)
}

/** Runs this many callers at once for about this many seconds. Returns the cycles per second of all callers together. */
export async function rate(
  callers: number,
  seconds: number,
  caller: (goesOn: GoesOn, index: number) => Promise<void>,
): Promise<number> {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let cycles = 0
  let isOver = false
  const goesOn = (): boolean => {
    if (isOver) return false
    cycles++
    if (cycles % CYCLES_BETWEEN_LOOKS === 0 && performance.now() >= endsAt) isOver = true
    return true
  }
  const timer = setTimeout(() => {
    isOver = true
  }, seconds * 1000)
  try {
    await Promise.all(Array.from({ length: callers }, (_, index) => caller(goesOn, index)))
  } finally {
    clearTimeout(timer)
  }
  return (cycles / (performance.now() - startedAt)) * 1000
}

/** Repeats something for about this many seconds. Returns the milliseconds of each repetition. */
export async function latencies(seconds: number, cycle: () => Promise<void>): Promise<number[]> {
  const taken: number[] = []
  const endsAt = performance.now() + seconds * 1000
  for (let from = performance.now(); from < endsAt;) {
    await cycle()
    const to = performance.now()
    taken.push(to - from)
    from = to
  }
  return taken
}

/**
 * Measures each side once as a warm-up, which does not count, and then in turn, A B C A B C: if the machine is slow for a
 * while, it is slow for all sides.
 */
export async function inTurn<Name extends string, Sample = number>(
  rounds: number,
  sides: Readonly<Record<Name, () => Promise<Sample>>>,
  say: (what: string) => void,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(sides) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      say(round === 0 ? `${name}, warming up` : `${name}, round ${round} of ${rounds}`)
      const sample = await sides[name]()
      if (round > 0) samples[name].push(sample)
    }
  }
  return samples
}
