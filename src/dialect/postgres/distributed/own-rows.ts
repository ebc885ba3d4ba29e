import type { StoredRow } from './stored-row.js'

/** The maximum number of rows that are remembered. A row that is not costs one more round trip. */
const MOST_ROWS = 4096

/**
 * The rows as this member wrote them last. A write from such a row needs no read before it: if another member has
 * written the row in the meantime, its version has moved, and the write changes nothing.
 */
export class OwnRows {
  readonly #rows = new Map<string, StoredRow>()

  get(key: string): StoredRow | undefined {
    return this.#rows.get(key)
  }

  set(key: string, row: StoredRow): void {
    this.#rows.delete(key)
    this.#rows.set(key, row)
    if (this.#rows.size > MOST_ROWS)
      for (const oldest of this.#rows.keys()) return void this.#rows.delete(oldest)
  }

  delete(key: string): void {
    this.#rows.delete(key)
  }
}
