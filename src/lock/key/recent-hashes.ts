/** The number of hashes that are remembered. */
const KNOWN = 8192

/**
 * The hashes of recently used keys. A name that is new each time should leave nothing behind, and a name that comes again
 * should cost less: a key is remembered from its second use on. This table recognizes the second use without allocating:
 * objects that survive for a while have to be copied by the garbage collector, and that was a quarter of the CPU time of
 * a lock of a new name (measured).
 */
export class RecentHashes {
  /** Two places for each hash, so that two keys in alternation do not evict each other. */
  readonly #hashes = new Int32Array(KNOWN)
  /**
   * Which of the two is evicted. It alternates over all keys, so that three keys in rotation do not evict each other
   * forever.
   */
  #evictFirst = 0

  /**
   * Whether the key was used before; from now on it was. Sometimes wrong: after many other keys, or if another key has
   * the same hash.
   */
  came(hash: number): boolean {
    const hashes = this.#hashes
    // The lowest bits may be the same for all keys.
    const place = (hash >>> 8) & (KNOWN - 2)
    if (hashes[place] === hash || hashes[place + 1] === hash) return true
    hashes[place + this.#evictFirst] = hash
    this.#evictFirst ^= 1
    return false
  }
}
