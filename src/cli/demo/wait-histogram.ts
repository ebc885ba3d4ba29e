/** Each bucket is a tenth wider than the one before, so a percentile is accurate to a tenth. */
const GROWTH = 1.1

/** From a hundredth of a millisecond to some minutes. */
const FIRST_MS = 0.01
const BUCKETS = 180

/** How long callers waited, as counts that can be sent between processes and added up. */
export class WaitHistogram {
  readonly #counts: number[] = Array.from({ length: BUCKETS }, () => 0)
  #total = 0

  add(waitedMs: number): void {
    const bucket = Math.ceil(Math.log(Math.max(waitedMs, FIRST_MS) / FIRST_MS) / Math.log(GROWTH))
    this.#count(Math.min(bucket, BUCKETS - 1), 1)
  }

  /** Adds the output of `toJSON`, maybe that of another process. */
  merge(counts: readonly number[]): void {
    for (const [bucket, count] of counts.entries()) this.#count(bucket, count)
  }

  /** The wait that a `part` of the callers did not exceed; 0 if there were none. */
  percentile(part: number): number {
    let left = Math.ceil(part * this.#total)
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0 && this.#total > 0) return FIRST_MS * GROWTH ** bucket
    }
    return 0
  }

  toJSON(): readonly number[] {
    return [...this.#counts]
  }

  #count(bucket: number, count: number): void {
    this.#counts[bucket]! += count
    this.#total += count
  }
}
