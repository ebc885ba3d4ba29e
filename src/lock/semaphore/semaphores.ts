import { InvalidOptionError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import { semaphoreInWords } from '../../dialect/key-words.js'
import type { LockKey } from '../../dialect/lock-key.js'
import type { SemaphoreCode } from '../../dialect/permit-operation.js'
import { Registry } from '../contention/registry.js'
import { LockWaiter, type LockRequest, type WaitedFor } from '../handle/lock-waiter.js'
import type { HeldPermit } from './permit.js'
import type { SemaphoreHost } from './local-permits.js'
import { SemaphoreCache } from './semaphore-cache.js'
import type { SemaphoreEntry } from './semaphore-entry.js'

/** How long another number of permits may go unnoticed. A look costs the server time per lock. */
const LOOK_AGAIN_MS = 10_000

/**
 * The number of semaphores whose permits are remembered: up to twice as many, in two generations, of which the older is
 * dropped as a whole.
 */
const REMEMBERED = 4096

interface Remembered {
  readonly permits: number
  lookedAt: number
}

/** The semaphores that are held or wanted in this process. */
export class Semaphores extends Registry<SemaphoreEntry> implements SemaphoreHost {
  readonly #entries = new SemaphoreCache(this)
  #recent = new Map<string, Remembered>()
  #older = new Map<string, Remembered>()
  #permitEntries = 0

  get entries(): Iterable<SemaphoreEntry> {
    return this.#entries
  }

  get size(): number {
    return this.#entries.size
  }

  find(keyId: string): SemaphoreEntry | null {
    return this.#entries.find(keyId)
  }

  /** Entries of the server's lock table that permits use. */
  get permitEntries(): number {
    return this.#permitEntries
  }

  /** @throws {InvalidOptionError} if this process uses it with another number of permits. */
  remember({ key, permits }: SemaphoreCode, label: LockKey): void {
    const known = this.#known(key.id)
    if (known !== undefined && known.permits !== permits)
      throw mismatch(label, permits, known.permits, 'here')
    if (this.#recent.has(key.id)) return
    if (this.#recent.size >= REMEMBERED) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(key.id, known ?? { permits, lookedAt: -Infinity })
  }

  acquire(semaphore: SemaphoreCode, label: LockKey, request: LockRequest): Promise<HeldPermit | null> {
    return this.agenda.run(() => this.#acquire(semaphore, label, request))
  }

  #acquire(semaphore: SemaphoreCode, label: LockKey, request: LockRequest): Promise<HeldPermit | null> {
    const refusal = this.arbiter.refusal
    if (refusal !== null) return Promise.reject(refusal)
    let entry = this.find(semaphore.key.id)
    if (entry === null) {
      this.remember(semaphore, label)
      entry = this.#entries.open(semaphore, label)
    }
    const { isBusy } = entry
    const arrival = this.arbiter.arrive()
    const waiter = new LockWaiter<SemaphoreEntry>(entry, request, arrival, this.arbiter.deadlines)
    if (isBusy) this.arbiter.announce(waiter)
    if (isBusy && request.waitPolicy !== 'wait') waiter.notGranted()
    else entry.touch()
    return waiter.promise as Promise<HeldPermit | null>
  }

  evict(entry: SemaphoreEntry): void {
    this.#entries.rested()
    this.leftBy(entry)
  }

  entriesChanged(by: number): void {
    this.#permitEntries += by
  }

  isLookDue({ key }: SemaphoreEntry): boolean {
    const known = this.#known(key.id)
    const now = this.clock.now()
    if (known === undefined || now - known.lookedAt < LOOK_AGAIN_MS) return false
    known.lookedAt = now
    return true
  }

  looked(entry: SemaphoreEntry, otherPermits: number | null): InvalidOptionError | null {
    if (otherPermits === null) return null
    const known = this.#known(entry.key.id)
    if (known !== undefined) known.lookedAt = -Infinity
    return mismatch(entry.label, entry.semaphore.permits, otherPermits, 'in another process')
  }

  /** Any of the waiters may be served next. */
  protected announceWaiting(queue: Fifo<LockWaiter<WaitedFor>>): void {
    for (const waiter of queue) this.arbiter.announce(waiter)
  }

  #known(keyId: string): Remembered | undefined {
    return this.#recent.get(keyId) ?? this.#older.get(keyId)
  }
}

function mismatch(label: LockKey, permits: number, others: number, where: string): InvalidOptionError {
  return new InvalidOptionError([
    `${semaphoreInWords(label)} is asked for with ${permits} permits, and used with ${others} ${where}`,
  ])
}
