import type { LockKey } from '../../dialect/lock-key.js'
import type { SemaphoreCode } from '../../dialect/permit-operation.js'
import type { SemaphoreHost } from './local-permits.js'
import { SemaphoreEntry } from './semaphore-entry.js'

/**
 * The number of unused entries that are kept. An entry knows whether the processes to which it yields ever come, and how hot
 * the semaphore is. A single caller that takes one permit after the other leaves the entry unused in between, and would learn
 * both anew each time. When there are more, and more than there are entries in use, all of them are dropped.
 */
const KEPT = 1024

/** The semaphores of a pool, one entry for each that is in use in this process. */
export class SemaphoreCache {
  readonly #host: SemaphoreHost
  readonly #entries = new Map<string, SemaphoreEntry>()
  #resting = 0

  constructor(host: SemaphoreHost) {
    this.#host = host
  }

  /** The number of entries in use. */
  get size(): number {
    return this.#entries.size - this.#resting
  }

  find(keyId: string): SemaphoreEntry | null {
    const entry = this.#entries.get(keyId)
    return entry === undefined || entry.isAtRest ? null : entry
  }

  /** Opens a semaphore that is not in use. */
  open(semaphore: SemaphoreCode, label: LockKey): SemaphoreEntry {
    const { id } = semaphore.key
    const kept = this.#entries.get(id)
    if (kept !== undefined) this.#resting--
    if (kept?.semaphore.permits === semaphore.permits) {
      kept.reopen(label)
      return kept
    }
    const entry = new SemaphoreEntry(semaphore, label, this.#host)
    this.#entries.set(id, entry)
    return entry
  }

  /** An entry is at rest. */
  rested(): void {
    this.#resting++
    if (this.#resting <= KEPT || this.#resting * 2 <= this.#entries.size) return
    for (const [id, { isAtRest }] of this.#entries) if (isAtRest) this.#entries.delete(id)
    this.#resting = 0
  }

  /** The entries in use. During the walk entries may come to rest, and new ones may appear. */
  *[Symbol.iterator](): IterableIterator<SemaphoreEntry> {
    for (const entry of this.#entries.values()) if (!entry.isAtRest) yield entry
  }
}
