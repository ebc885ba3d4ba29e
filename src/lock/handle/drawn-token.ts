/**
 * The fencing token that one statement of the server drew, for everything the statement granted. What follows without the
 * server, from caller to caller, is numbered on from it. Read for the first who asks, once for all: a batch grants hundreds.
 */
export class DrawnToken {
  readonly #digits: string
  #value: bigint | null = null

  constructor(digits: string) {
    this.#digits = digits
  }

  /** The one that many places on. */
  after(places: number): bigint {
    this.#value ??= BigInt(this.#digits)
    return places === 0 ? this.#value : this.#value + BigInt(places)
  }
}

/** Null if nothing was drawn: nothing was granted, or there are no tokens. */
export function drawn(digits: string | null): DrawnToken | null {
  return digits === null ? null : new DrawnToken(digits)
}
