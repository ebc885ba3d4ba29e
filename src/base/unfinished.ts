/** Work that has been started and that a `close()` must wait for. */
export class Unfinished {
  readonly #works = new Set<Promise<unknown>>()

  /** @param work never rejects */
  add(work: Promise<unknown>): void {
    this.#works.add(work)
    void work.finally(() => this.#works.delete(work))
  }

  /** Resolves when all of it has ended, including what was added during the wait. */
  async ended(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works)
  }
}
