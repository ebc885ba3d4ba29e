/** The number of searches whose visited waits are remembered. */
const MAX_REMEMBERED = 256

/** The waits that a round of a search has visited: on another path it need not visit them again. */
export class SeenProbes {
  readonly #rounds = new Map<string, { readonly round: number; readonly passed: Set<string> }>()

  /** Null if the round is over: a later one has been here. */
  passed(from: string, round: number): Set<string> | null {
    const known = this.#rounds.get(from)
    if (known !== undefined && known.round >= round) return known.round === round ? known.passed : null
    // Moves it to the end, where the newest are.
    this.#rounds.delete(from)
    if (this.#rounds.size >= MAX_REMEMBERED) this.#rounds.delete(this.#rounds.keys().next().value!)
    const passed = new Set<string>()
    this.#rounds.set(from, { round, passed })
    return passed
  }
}
