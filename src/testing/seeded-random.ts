import type { Random } from '../base/random.js'

/** Repeatable random numbers: the same seed gives the same sequence. (mulberry32, public domain, by Tommy Ettinger.) */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** At least 0 and less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** One of them, all with the same probability. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  /** True with this probability: `chance` from 0 to 1. */
  chance(chance: number): boolean {
    return this.next() < chance
  }
}
