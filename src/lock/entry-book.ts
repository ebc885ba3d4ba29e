import type { KeyCode, LockKey, LockMode } from '../dialect/lock-key.js'
import { Entry } from './entry.js'
import type { EntryHost } from './entry-host.js'

/**
 * So many entries that nobody has to do with any more may be kept. Who releases a key often wants it again at once, and to
 * make its entry anew was more than a quarter of the CPU time of a lock (measured). They are all let go when they are
 * more, and more than those in use.
 */
const KEPT = 1024

/** The entries of a pool, one for each key that anybody here has to do with. */
export class EntryBook {
  readonly #host: EntryHost
  readonly #byId = new Map<string, Entry>()
  #resting = 0

  constructor(host: EntryHost) {
    this.#host = host
  }

  /** Of those in use. */
  get size(): number {
    return this.#byId.size - this.#resting
  }

  find(keyId: string): Entry | null {
    const entry = this.#byId.get(keyId)
    return entry === undefined || entry.isAtRest ? null : entry
  }

  isBusy(keyId: string, mode: LockMode): boolean {
    const entry = this.#byId.get(keyId)
    if (entry === undefined) return false
    return (mode === 'exclusive' && entry.isForOthers) || (!entry.isAtRest && entry.isBusyFor(mode))
  }

  open(code: KeyCode, label: LockKey): Entry {
    let entry = this.#byId.get(code.id)
    if (entry === undefined) this.#byId.set(code.id, (entry = new Entry(code, label, this.#host)))
    else if (entry.isAtRest) {
      entry.reopen(label)
      this.#resting--
    }
    return entry
  }

  /** One of them has come to rest: there is nothing more to know about its key. */
  rested(): void {
    this.#resting++
    if (this.#resting <= KEPT || this.#resting * 2 <= this.#byId.size) return
    for (const [keyId, entry] of this.#byId) if (entry.isAtRest) this.#byId.delete(keyId)
    this.#resting = 0
  }

  /** Those in use. They may come to rest during the walk, and others come. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (const entry of [...this.#byId.values()]) if (!entry.isAtRest) yield entry
  }
}
