import type { KeyCode, LockKey, LockMode } from '../../dialect/lock-key.js'
import { KeyEntry } from './key-entry.js'
import type { KeyHost } from './local-key.js'
import { EntryTable } from './entry-table.js'
import { RecentHashes } from './recent-hashes.js'

/**
 * The number of unused entries that are kept. A caller that releases a key often wants it again at once, and creating its
 * entry anew took more than a quarter of the CPU time of a lock (measured). When there are more, and more than there are
 * entries in use, all of them are dropped. The entry of a key that was used only once is not kept.
 */
const KEPT = 1024

/** The entries of a pool, one for each key that is in use in this process. */
export class EntryCache {
  readonly #host: KeyHost
  readonly #entries: EntryTable
  readonly #recentHashes = new RecentHashes()
  #resting = 0

  constructor(host: KeyHost, hashOf: ((keyId: string) => number) | null = null) {
    this.#host = host
    this.#entries = new EntryTable(hashOf)
  }

  /** The number of entries in use. */
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
    return (mode === 'exclusive' && entry.yieldsToProcesses) || (!entry.isAtRest && entry.isBusyFor(mode))
  }

  open(code: KeyCode, label: LockKey): KeyEntry {
    let entry = this.#entries.find(code)
    if (entry === null) {
      entry = new KeyEntry(code, label, this.#host)
      entry.isRegular = code.hash === undefined || this.#recentHashes.came(code.hash)
      this.#entries.add(entry)
    } else if (entry.isAtRest) {
      entry.reopen(label)
      this.#resting--
    }
    return entry
  }

  /** An entry is at rest: it has no facts to remember about its key. */
  rested(entry: KeyEntry): void {
    this.#resting++
    // An entry that yields must survive for a caller that comes again at once, however rarely the key is used.
    if (!entry.isRegular && !entry.yieldsToProcesses) return this.#drop(entry)
    if (this.#resting <= KEPT || this.#resting * 2 <= this.#entries.size) return
    for (const each of this.#entries.all()) if (each.isAtRest) this.#drop(each)
  }

  /** The entries in use, in no order. During the walk entries may come to rest, and new ones may appear. */
  *[Symbol.iterator](): IterableIterator<KeyEntry> {
    for (const entry of this.#entries.all()) if (!entry.isAtRest) yield entry
  }

  #drop(entry: KeyEntry): void {
    this.#entries.remove(entry)
    this.#resting--
  }
}
