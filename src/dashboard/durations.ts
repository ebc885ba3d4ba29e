/** The ratio of each step to the one before. The error of a quantile is smaller. */
const GROWTH = 1.15
const SHORTEST_MS = 0.05
const LONGEST_MS = 86_400_000
const COUNT = Math.ceil(Math.log(LONGEST_MS / SHORTEST_MS) / Math.log(GROWTH)) + 1

/** Many durations in little memory: a count for each step of a logarithmic scale. */
export class Durations {
  readonly #counts = new Uint32Array(COUNT)
  #total = 0
  #shortestMs = Infinity
  #longestMs = 0

  get total(): number {
    return this.#total
  }

  record(ms: number): void {
    const steps = Math.log(Math.max(ms, SHORTEST_MS) / SHORTEST_MS) / Math.log(GROWTH)
    this.#counts[Math.min(Math.floor(steps), COUNT - 1)]!++
    this.#total++
    this.#shortestMs = Math.min(this.#shortestMs, ms)
    this.#longestMs = Math.max(this.#longestMs, ms)
  }

  /** The quantile; null if there are no durations. */
  quantile(part: number): number | null {
    if (this.#total === 0) return null
    const wanted = Math.ceil(part * this.#total)
    let seen = 0
    for (let step = 0; step < COUNT; step++) {
      seen += this.#counts[step]!
      if (seen < wanted) continue
      // The geometric middle of the step, within the shortest and the longest duration.
      const middle = SHORTEST_MS * GROWTH ** (step + 0.5)
      return Math.min(Math.max(middle, this.#shortestMs), this.#longestMs)
    }
    return this.#longestMs
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
    this.#shortestMs = Infinity
    this.#longestMs = 0
  }
}
