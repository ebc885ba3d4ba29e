import { BUCKETS, bucketOf } from '../keys/key-hash.js'
import type { PostgresKey } from '../keys/key.js'

type RegisteredKey = Pick<PostgresKey, 'id' | 'hash'>

/**
 * What one session has on the server besides locks: registrations, by the hashes of their keys; the buckets of those
 * hashes; and intent locks. With it, the session neither takes any of them twice nor unlocks one that it does not have.
 *
 * A registration under one hash is set once, however many keys of this session have that hash.
 */
export class RegistrationBook {
  /**
   * By hash, the key that the registration is for. It is a list if several keys of this session share the hash, a case
   * in billions; the list is empty when none of them needs the registration any more.
   */
  readonly #keys = new Map<number, RegisteredKey | readonly RegisteredKey[]>()
  /** Hashes whose registration is set but not needed by any key. */
  readonly #strays = new Set<number>()
  readonly #intents = new Set<string>()
  /** The number of registered hashes in each bucket. */
  readonly #hashesIn = new Uint32Array(BUCKETS)
  /** One bit per bucket: those that the session has entered, and those that it needs. */
  #entered = 0
  #needed = 0

  hasRegistration({ id, hash }: RegisteredKey): boolean {
    const keys = this.#keys.get(hash)
    if (keys === undefined) return false
    return isList(keys) ? keys.some((key) => key.id === id) : keys.id === id
  }

  /** Whether a registration is set under the hash, for any key. */
  isSet(hash: number): boolean {
    return this.#keys.has(hash)
  }

  hasIntent({ id }: RegisteredKey): boolean {
    return this.#intents.size > 0 && this.#intents.has(id)
  }

  /** Whether the registration under this hash is, or would be, for this key only. */
  isAlone({ id, hash }: RegisteredKey): boolean {
    const keys = this.#keys.get(hash)
    return keys === undefined || (isList(keys) ? keys.length === 0 : keys.id === id)
  }

  hasEntered(hash: number): boolean {
    return (this.#entered & bitOf(hash)) !== 0
  }

  /** Buckets that the session has entered and no longer needs, one bit each. */
  get stale(): number {
    return this.#entered & ~this.#needed
  }

  /** Hashes whose registration should be dropped. */
  get strays(): ReadonlySet<number> {
    return this.#strays
  }

  add(key: RegisteredKey): void {
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

  /**
   * This key no longer needs a registration. The lock for it stays, for other keys or until it is dropped as a stray.
   */
  remove(key: RegisteredKey): void {
    const keys = this.#keys.get(key.hash)
    if (keys === undefined || !this.hasRegistration(key)) return
    const left = isList(keys) ? keys.filter(({ id }) => id !== key.id) : []
    this.#keys.set(key.hash, left.length === 1 ? left[0]! : left)
    if (left.length === 0) this.#strays.add(key.hash)
  }

  /** No registration is set under the hash any more, whatever keys it was for. */
  gone(hash: number): void {
    if (!this.#keys.delete(hash)) return
    this.#strays.delete(hash)
    const bucket = bucketOf(hash)
    if (--this.#hashesIn[bucket]! === 0) this.#needed &= ~bitOf(hash)
  }

  setIntent({ id }: RegisteredKey): void {
    this.#intents.add(id)
  }

  clearIntent({ id }: RegisteredKey): void {
    this.#intents.delete(id)
  }

  enter(hash: number): void {
    this.#entered |= bitOf(hash)
  }

  /** These buckets could not be entered, or were left. */
  exit(buckets: number): void {
    this.#entered &= ~buckets
  }

  clear(): void {
    this.#keys.clear()
    this.#strays.clear()
    this.#intents.clear()
    this.#hashesIn.fill(0)
    this.#entered = this.#needed = 0
  }
}

/** The bit of the hash's bucket. */
export function bitOf(hash: number): number {
  return 1 << bucketOf(hash)
}

function isList(keys: RegisteredKey | readonly RegisteredKey[]): keys is readonly RegisteredKey[] {
  return Array.isArray(keys)
}
