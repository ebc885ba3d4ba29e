import type { KeyCode } from '../../dialect/lock-key.js'
import type { KeyEntry } from './key-entry.js'

const LEAST_BUCKETS = 64

/**
 * Entries by the hashes of their keys. Not a `Map`: when keys come and go without end, a `Map` is rebuilt again and
 * again, and the objects of an old one survive until the garbage collector notices, which takes long (measured: a third
 * of the CPU time of a lock of a new name).
 */
export class EntryTable {
  readonly #hashOf: (keyId: string) => number
  /** The first entry of each bucket; an entry links to the next. On average a bucket has at most two. */
  #buckets = empty(LEAST_BUCKETS)
  #size = 0

  /** `hashOf` is for keys that do not carry their hashes. */
  constructor(hashOf: ((keyId: string) => number) | null) {
    this.#hashOf = hashOf ?? hashOfText
  }

  get size(): number {
    return this.#size
  }

  find(code: KeyCode): KeyEntry | null {
    const { hash } = code
    if (hash === undefined) return this.findById(code.id)
    let entry = this.#buckets[hash & (this.#buckets.length - 1)] ?? null
    while (entry !== null) {
      const { key } = entry
      // Ids are expensive: they are compared only if the hashes are equal.
      if (key === code || (key.hash === hash && key.id === code.id)) return entry
      entry = entry.nextInTable
    }
    return null
  }

  findById(keyId: string): KeyEntry | null {
    const hash = this.#hashOf(keyId)
    let entry = this.#buckets[hash & (this.#buckets.length - 1)] ?? null
    while (entry !== null) {
      const { key } = entry
      if ((key.hash === undefined || key.hash === hash) && key.id === keyId) return entry
      entry = entry.nextInTable
    }
    return null
  }

  /** The entry must not be in the table. */
  add(entry: KeyEntry): void {
    if (this.#size === this.#buckets.length * 2) this.#resize(this.#size)
    this.#size++
    this.#insert(entry)
  }

  /** The entry must be in the table. */
  remove(entry: KeyEntry): void {
    const bucket = this.#bucketOf(entry)
    let before = this.#buckets[bucket]!
    if (before === entry) this.#buckets[bucket] = entry.nextInTable
    else {
      while (before.nextInTable !== entry) before = before.nextInTable!
      before.nextInTable = entry.nextInTable
    }
    entry.nextInTable = null
    this.#size--
    const { length } = this.#buckets
    if (length > LEAST_BUCKETS && this.#size * 8 < length) this.#resize(length / 4)
  }

  /** All entries, in no order. */
  all(): KeyEntry[] {
    const all: KeyEntry[] = []
    for (const first of this.#buckets) {
      for (let entry = first; entry !== null; entry = entry.nextInTable) all.push(entry)
    }
    return all
  }

  #resize(length: number): void {
    const all = this.all()
    this.#buckets = empty(length)
    for (const entry of all) this.#insert(entry)
  }

  #insert(entry: KeyEntry): void {
    const bucket = this.#bucketOf(entry)
    entry.nextInTable = this.#buckets[bucket] ?? null
    this.#buckets[bucket] = entry
  }

  #bucketOf({ key }: KeyEntry): number {
    return (key.hash ?? this.#hashOf(key.id)) & (this.#buckets.length - 1)
  }
}

function empty(length: number): (KeyEntry | null)[] {
  return Array.from({ length }, () => null)
}

function hashOfText(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
