import { assert } from '../base/assert.js'
import { LockReentryError, PoolClosedError } from '../base/errors.js'
import type { Fifo } from '../base/fifo.js'
import type { Guarded } from '../dialect/dialect.js'
import { keyInWords, keyText } from '../dialect/key-words.js'
import type { KeyCode, LockKey, LockMode } from '../dialect/lock-key.js'
import type { Queryable } from '../dialect/queryable.js'
import type { Arbiter } from './contention/arbiter.js'
import type { ArbiterParts } from './contention/arbiter-host.js'
import { Registry } from './contention/registry.js'
import { DeadlockDetector, type DetectorHost } from './deadlock/deadlock-detector.js'
import type { KeysOfTransaction } from './handle/frame.js'
import { isHeldAround } from './handle/holding-context.js'
import { ConversionWaiter } from './handle/conversion-waiter.js'
import type { Lock } from './handle/lock.js'
import { LockWaiter, type LockRequest, type WaitedFor } from './handle/lock-waiter.js'
import { EntryCache } from './key/entry-cache.js'
import type { KeyEntry } from './key/key-entry.js'
import type { KeyHost } from './key/local-key.js'

/** Holders and waiters of keys in this process: one entry for each key that is held or wanted here. */
export class Keys extends Registry<KeyEntry> implements KeyHost, DetectorHost {
  readonly guard: (transaction: Queryable, guarded: Guarded) => Promise<void>
  readonly detector: DeadlockDetector
  readonly #entries: EntryCache

  constructor(parts: ArbiterParts, arbiter: Arbiter) {
    super(arbiter)
    this.guard = parts.guard
    this.#entries = new EntryCache(this, parts.hashOf)
    this.detector = new DeadlockDetector(parts, this)
  }

  get entries(): Iterable<KeyEntry> {
    return this.#entries
  }

  get size(): number {
    return this.#entries.size
  }

  find(keyId: string): KeyEntry | null {
    return this.#entries.find(keyId)
  }

  /** `isPart`: one key of a group. The group was admitted as one caller, and is not stopped halfway. */
  acquire(code: KeyCode, label: LockKey, request: LockRequest, isPart = false): Promise<Lock | null> {
    const { arbiter } = this
    const refusal = !isPart ? arbiter.refusal : arbiter.isClosing ? new PoolClosedError() : null
    if (refusal !== null) return Promise.reject(refusal)
    const entry = this.#entries.open(code, label)
    const again = entry.asAgain(request)
    if (again === null) {
      return request.waitPolicy === 'ask'
        ? Promise.resolve(null)
        : Promise.reject(new LockReentryError(keyInWords(label)))
    }
    const isBusy = entry.isBusyFor(request.mode)
    const waiter = new LockWaiter(entry, again, arbiter.arrive(isPart), arbiter.deadlines)
    if (isPart) waiter.isPart = true
    if (again.waitPolicy === 'wait' && request.frame !== null) this.detector.began(waiter, request.frame)
    if (waiter.isGone) return waiter.promise
    if (isBusy) arbiter.announce(waiter)
    if (isBusy && again.waitPolicy !== 'wait' && again.waitPolicy !== 'again') waiter.notGranted()
    else entry.touch()
    return waiter.promise
  }

  /**
   * Gives a holder its key in the other mode, and then releases `held`. A change to shared need not wait. Null if the policy
   * is to `ask`, and there are other readers.
   *
   * @throws {LockLostError} it is lost
   */
  convert(code: KeyCode, request: LockRequest, held: Lock): Promise<Lock | null> {
    const { arbiter } = this
    const entry = this.find(code.id)
    if (held.loss !== null) return Promise.reject(held.loss)
    assert(entry !== null && entry.holders[held.place] === held, 'only a holder converts')
    const isUpgrade = request.mode === 'exclusive'
    if (isUpgrade && arbiter.refusal !== null) return Promise.reject(arbiter.refusal)
    const waiter = new ConversionWaiter(entry, request, arbiter.arrive(), arbiter.deadlines, held)
    if (request.waitPolicy === 'wait' && request.frame !== null) this.detector.began(waiter, request.frame)
    if (waiter.isGone) return waiter.promise
    const isBusy = isUpgrade && entry.holderCount > 1
    if (isBusy) arbiter.announce(waiter)
    if (isBusy && request.waitPolicy !== 'wait') waiter.notGranted()
    else entry.touch()
    return waiter.promise
  }

  /** @see isHeldAround */
  isHeldAround(keyId: string, ownKeys: KeysOfTransaction | null): boolean {
    return isHeldAround(this, keyId, this.find(keyId)?.holders ?? [], ownKeys)
  }

  /**
   * Whether a caller that wants it now would have to wait for other local callers, or would have to yield to other
   * processes.
   */
  isBusy(code: KeyCode, mode: LockMode): boolean {
    return this.#entries.isBusy(code, mode)
  }

  evict(entry: KeyEntry): void {
    this.#entries.rested(entry)
    this.leftBy(entry)
  }

  get isListening(): boolean {
    return this.arbiter.isListening
  }

  listen(): void {
    this.arbiter.listen()
  }

  unlisten(): void {
    this.arbiter.unlisten()
  }

  deadlocked(): void {
    this.arbiter.counters.deadlocks++
  }

  lockDelayBegan(entry: KeyEntry, lockDelayMs: number): void {
    const { first } = entry.queue
    if (first !== null) this.arbiter.announce(first)
    this.arbiter.lockDelayBegan(keyText(entry.label), entry.mode, lockDelayMs)
  }

  override gone(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    if (waiter.isFramed) this.detector.ended(waiter)
    super.gone(waiter, isGranted)
  }

  /** The others wait for the same answer, and were announced when they came. */
  protected announceWaiting({ first }: Fifo<LockWaiter<WaitedFor>>): void {
    if (first !== null) this.arbiter.announce(first)
  }
}
