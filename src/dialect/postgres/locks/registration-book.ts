import { BUCKETS, bucketOf } from '../keys/key-hash.js'
import type { PostgresKey } from '../keys/key.js'

type Interested = Pick<PostgresKey, 'id' | 'hash'>

/**
 * What one session has at the server besides the locks themselves, so that it neither takes anything twice nor unlocks
 * what it does not have: interest in keys, by their hashes; the buckets of those; marks of waiting writers.
 *
 * Interest under one hash is set once, whatever number of keys of this session it stands for.
 */
export class RegistrationBook {
  /**
   * By hash, the key that interest is set for; several, or none any more, in the one case of billions that keys share it.
   */
  readonly #keys = new Map<number, Interested | readonly Interested[]>()
  /** Hashes under which interest is set for no key any more. */
  readonly #strays = new Set<number>()
  readonly #marked = new Set<string>()
  /** For each bucket, the hashes in it. */
  readonly #hashesIn = new Uint32Array(BUCKETS)
  /** Buckets, a bit each: those that the session has entered, and those that it needs. */
  #entered = 0
  #needed = 0

  hasRegistration({ id, hash }: Interested): boolean {
    const keys = this.#keys.get(hash)
    if (keys === undefined) return false
    return isList(keys) ? keys.some((key) => key.id === id) : keys.id === id
  }

  /** Whether interest is set under the hash, for whatever key. */
  isSet(hash: number): boolean {
    return this.#keys.has(hash)
  }

  isMarked({ id }: Interested): boolean {
    return this.#marked.size > 0 && this.#marked.has(id)
  }

  /** Whether interest under its hash stands, or would stand, for no other key. */
  isAlone({ id, hash }: Interested): boolean {
    const keys = this.#keys.get(hash)
    return keys === undefined || (isList(keys) ? keys.length === 0 : keys.id === id)
  }

  hasEntered(hash: number): boolean {
    return (this.#entered & bitOf(hash)) !== 0
  }

  /** Buckets that the session has entered and does not need any more, a bit each. */
  get stale(): number {
    return this.#entered & ~this.#needed
  }

  /** Hashes under which interest is to be dropped. */
  get strays(): ReadonlySet<number> {
    return this.#strays
  }

  add(key: Interested): void {
    const keys = this.#keys.get(key.hash)
    if (keys === undefined) {
      this.#keys.set(key.hash, key)
      this.#hashesIn[bucketOf(key.hash)]!++
      this.#needed |= bitOf(key.hash)
    } else if (!this.hasRegistration(key)) {
      const all = isList(keys) ? [...keys, key] : [keys, key]
      this.#keys.set(key.hash, all.length === 1 ? key : all)
      this.#strays.delete(key.hash)
    }
  }

  /** The key does without interest. What was set stays, for other keys or for none. */
  remove(key: Interested): void {
    const keys = this.#keys.get(key.hash)
    if (keys === undefined || !this.hasRegistration(key)) return
    const left = isList(keys) ? keys.filter(({ id }) => id !== key.id) : []
    this.#keys.set(key.hash, left.length === 1 ? left[0]! : left)
    if (left.length === 0) this.#strays.add(key.hash)
  }

  /** Nothing is set under the hash, or not any more, for whatever keys it was. */
  gone(hash: number): void {
    if (!this.#keys.delete(hash)) return
    this.#strays.delete(hash)
    const bucket = bucketOf(hash)
    if (--this.#hashesIn[bucket]! === 0) this.#needed &= ~bitOf(hash)
  }

  mark({ id }: Interested): void {
    this.#marked.add(id)
  }

  unmark({ id }: Interested): void {
    this.#marked.delete(id)
  }

  enter(hash: number): void {
    this.#entered |= bitOf(hash)
  }

  /** It could not be entered, or has been left. */
  exit(buckets: number): void {
    this.#entered &= ~buckets
  }

  clear(): void {
    this.#keys.clear()
    this.#strays.clear()
    this.#marked.clear()
    this.#hashesIn.fill(0)
    this.#entered = this.#needed = 0
  }
}

/** The bit of the bucket that the hash is in. */
export function bitOf(hash: number): number {
  return 1 << bucketOf(hash)
}

function isList(keys: Interested | readonly Interested[]): keys is readonly Interested[] {
  return Array.isArray(keys)
}
