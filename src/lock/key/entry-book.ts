import type { KeyCode, LockKey, LockMode } from '../../dialect/lock-key.js'
import { KeyEntry } from './key-entry.js'
import type { KeyHost } from './local-key.js'
import { EntryTable } from './entry-table.js'
import { Lately } from './lately.js'

/**
 * So many entries that nobody has to do with any more may be kept. Who releases a key often wants it again at once, and to
 * make its entry anew was more than a quarter of the CPU time of a lock (measured). They are all let go when they are
 * more, and more than those in use. That of a key which has not come before is not kept at all.
 */
const KEPT = 1024

/** The entries of a pool, one for each key that anybody here has to do with. */
export class EntryBook {
  readonly #host: KeyHost
  readonly #entries: EntryTable
  readonly #lately = new Lately()
  #resting = 0

  constructor(host: KeyHost, hashOf: ((keyId: string) => number) | null = null) {
    this.#host = host
    this.#entries = new EntryTable(hashOf)
  }

  /** Of those in use. */
  get size(): number {
    return this.#entries.size - this.#resting
  }

  find(keyId: string): KeyEntry | null {
    const entry = this.#entries.findById(keyId)
    return entry === null || entry.isAtRest ? null : entry
  }

  isBusy(code: KeyCode, mode: LockMode): boolean {
    const entry = this.#entries.find(code)
    if (entry === null) return false
    return (mode === 'exclusive' && entry.isForOthers) || (!entry.isAtRest && entry.isBusyFor(mode))
  }

  open(code: KeyCode, label: LockKey): KeyEntry {
    let entry = this.#entries.find(code)
    if (entry === null) {
      entry = new KeyEntry(code, label, this.#host)
      entry.isRegular = code.hash === undefined || this.#lately.came(code.hash)
      this.#entries.add(entry)
    } else if (entry.isAtRest) {
      entry.reopen(label)
      this.#resting--
    }
    return entry
  }

  /** One of them has come to rest: there is nothing more to know about its key. */
  rested(entry: KeyEntry): void {
    this.#resting++
    // Whose turn it is must be known to who comes again at once, however rare the key is.
    if (!entry.isRegular && !entry.isForOthers) return this.#drop(entry)
    if (this.#resting <= KEPT || this.#resting * 2 <= this.#entries.size) return
    for (const each of this.#entries.all()) if (each.isAtRest) this.#drop(each)
  }

  /** Those in use, in no order. They may come to rest during the walk, and others come. */
  *[Symbol.iterator](): IterableIterator<KeyEntry> {
    for (const entry of this.#entries.all()) if (!entry.isAtRest) yield entry
  }

  #drop(entry: KeyEntry): void {
    this.#entries.remove(entry)
    this.#resting--
  }
}
