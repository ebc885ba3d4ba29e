/**
 * The fencing token that one statement of the server drew, for all its grants. Hand-offs from caller to caller count on
 * from it. It is parsed at the first use, once for all: a batch grants hundreds of locks.
 */
export class DrawnToken {
  readonly #digits: string
  #value: bigint | null = null

  constructor(digits: string) {
    this.#digits = digits
  }

  /** The token this many places later. */
  after(places: number): bigint {
    this.#value ??= BigInt(this.#digits)
    return places === 0 ? this.#value : this.#value + BigInt(places)
  }
}

/** Null if nothing was drawn: nothing was granted, or there are no tokens. */
export function drawn(digits: string | null): DrawnToken | null {
  return digits === null ? null : new DrawnToken(digits)
}
