/** The source of random numbers. One with a seed can replay a run. */
export interface Random {
  /** At least 0 and less than 1. */
  next(): number
}

export const systemRandom: Random = { next: () => Math.random() }
