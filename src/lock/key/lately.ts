/** So many hashes are known at most. */
const KNOWN = 8192

/**
 * Which keys came of late, by their hashes. A name that is new each time should leave nothing behind, and a name that comes
 * again should cost less: what is remembered for a key is remembered from its second time on. This tells which time it is,
 * and costs no memory but its own: what lives on for a while has to be copied by the garbage collector, and that was a
 * quarter of the CPU time of a lock of a new name (measured).
 */
export class Lately {
  /** Two places for each hash, so that two keys in turn do not make each other new. */
  readonly #hashes = new Int32Array(KNOWN)
  /** Which of the two is given up. By turns of all, so that three keys in turn do not make each other new for ever. */
  #turn = 0

  /** Whether it came before. From now on it did. Wrong now and then: after many others, or because of a twin. */
  came(hash: number): boolean {
    const hashes = this.#hashes
    // The lowest bits may be the same for all that come.
    const place = (hash >>> 8) & (KNOWN - 2)
    if (hashes[place] === hash || hashes[place + 1] === hash) return true
    hashes[place + this.#turn] = hash
    this.#turn ^= 1
    return false
  }
}
