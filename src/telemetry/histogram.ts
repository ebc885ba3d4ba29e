import { BUCKETS } from './metric.js'

/** Counts values in buckets. */
export class Histogram {
  /** A count for each bucket, and one for values above all bounds. Not cumulative. */
  readonly #counts: number[] = Array.from({ length: BUCKETS.length + 1 }, () => 0)
  #sum = 0

  record(value: number): void {
    let bucket = 0
    while (bucket < BUCKETS.length && value > BUCKETS[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#sum += value
  }

  get sum(): number {
    return this.#sum
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** For each bound, the number of values up to it; last, the number of all values. */
  cumulative(): readonly (readonly [bound: number, count: number])[] {
    let sum = 0
    return this.#counts.map((count, i) => [BUCKETS[i] ?? Infinity, (sum += count)] as const)
  }
}
