import type { LockMode } from '../lock-key.js'
import type { RowKey } from './row-key.js'

/** A lock of this member, with the token of its row. */
export interface Held {
  readonly key: RowKey
  readonly mode: LockMode
  readonly token: bigint
  /** Whether a statement that releases it is on the way. That statement wakes the next waiter. */
  isParting: boolean
}

interface Kept extends Held {
  next: Kept | null
}

const LEAST_BUCKETS = 64

/**
 * The locks of a member, found by the bits of their keys. This is not a `Map` by id, for the same reasons as in
 * `EntryTable`: locks come and go all the time, and an id is built only for keys that people look at.
 */
export class HeldRows {
  #buckets: (Kept | null)[] = empty(LEAST_BUCKETS)
  #size = 0

  get(key: RowKey): Held | null {
    let kept = this.#buckets[this.#bucketOf(key)] ?? null
    while (kept !== null && !isSame(kept.key, key)) kept = kept.next
    return kept
  }

  set(key: RowKey, mode: LockMode, token: bigint): void {
    this.delete(key)
    if (this.#size === this.#buckets.length * 2) this.#resize(this.#size)
    this.#size++
    this.#insert({ key, mode, token, isParting: false, next: null })
  }

  delete(key: RowKey): void {
    const bucket = this.#bucketOf(key)
    let before: Kept | null = null
    let kept = this.#buckets[bucket] ?? null
    while (kept !== null && !isSame(kept.key, key)) {
      before = kept
      kept = kept.next
    }
    if (kept === null) return
    if (before === null) this.#buckets[bucket] = kept.next
    else before.next = kept.next
    this.#size--
    const { length } = this.#buckets
    if (length > LEAST_BUCKETS && this.#size * 8 < length) this.#resize(length / 4)
  }

  /** In no particular order. */
  all(): Held[] {
    return this.#all()
  }

  #all(): Kept[] {
    const all: Kept[] = []
    for (const first of this.#buckets) for (let kept = first; kept !== null; kept = kept.next) all.push(kept)
    return all
  }

  #resize(length: number): void {
    const all = this.#all()
    this.#buckets = empty(length)
    for (const kept of all) this.#insert(kept)
  }

  #insert(kept: Kept): void {
    const bucket = this.#bucketOf(kept.key)
    kept.next = this.#buckets[bucket] ?? null
    this.#buckets[bucket] = kept
  }

  #bucketOf({ hash }: RowKey): number {
    return hash & (this.#buckets.length - 1)
  }
}

function isSame(a: RowKey, b: RowKey): boolean {
  return a === b || (a.high === b.high && a.low === b.low)
}

function empty(length: number): (Kept | null)[] {
  return Array.from({ length }, () => null)
}
