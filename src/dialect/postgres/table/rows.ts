/** How many keys it is remembered of that they have a row. Asking as if there was none costs one more statement. */
const MOST_KNOWN = 50_000

/** The keys whose rows are known to be there. */
export class KnownRows {
  #recent = new Set<string>()
  #older = new Set<string>()

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

  delete(keyId: string): void {
    this.#recent.delete(keyId)
    this.#older.delete(keyId)
  }

  /** Some were removed, and nobody says which. */
  clear(): void {
    this.#recent.clear()
    this.#older.clear()
  }
}
