import { isGreaterToken } from '../../seen-tokens.js'

/** How many keys it is remembered of that they have a row. Asking as if there was none costs one more statement. */
const MOST_KNOWN = 50_000

/**
 * The keys whose rows are known to be there. When rows are removed the floor goes up, and nobody says which they were: so
 * what was learned below the floor of now does not count, in whichever order the answers come.
 */
export class KnownRows {
  /** Tokens of new rows begin above it. */
  #floor: string
  #recent = new Set<string>()
  #older = new Set<string>()

  constructor(floor: string) {
    this.#floor = floor
  }

  get floor(): string {
    return this.#floor
  }

  /** Whether what an answer with this floor says of rows may be remembered. */
  isCurrent(floor: string): boolean {
    if (isGreaterToken(floor, this.#floor)) {
      this.#floor = floor
      this.clear()
    }
    return floor === this.#floor
  }

  has(keyId: string): boolean {
    return this.#recent.has(keyId) || this.#older.has(keyId)
  }

  add(keyId: string): void {
    if (this.#recent.size >= MOST_KNOWN) {
      this.#older = this.#recent
      this.#recent = new Set()
    }
    this.#recent.add(keyId)
  }

  /** Some were removed, and nobody says which. */
  clear(): void {
    this.#recent.clear()
    this.#older.clear()
  }
}
