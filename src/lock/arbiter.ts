import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import type { Emitter } from '../base/emitter.js'
import {
  LockReentryError,
  PoolClosedError,
  PoolSaturatedError,
  type LockError,
  type LockLostError,
} from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { Guarded } from '../dialect/dialect.js'
import type { KeyCode, LockKey, LockMode } from '../dialect/lock-key.js'
import type { ArbiterLinks, ArbiterPorts } from './arbiter-ports.js'
import { DeadlockDetector, type DetectorHost } from './deadlock/deadlock-detector.js'
import type { Queryable } from '../dialect/queryable.js'
import { EntryBook } from './entry-book.js'
import type { Entry } from './entry.js'
import { INTEREST_ENTRIES, type EntryHost } from './entry-host.js'
import { isHeldAround, type KeysOfTransaction } from './holding-context.js'
import { keyInWords, keyText } from '../dialect/key-words.js'
import type { Lock } from './lock.js'
import { noneYet, type LockCounters } from './lock-counters.js'
import type { LockEvents } from './lock-events.js'
import { LockWaiter, type LockRequest, type WaitedFor } from './lock-waiter.js'
import type { Line } from './place-in-line.js'
import { Parking, type Parked } from './parking.js'
import type { Session } from './session.js'
import { traceHold, traceHoldEnd } from './trace.js'

/** Who in this process has what, and who waits for it: one entry per key that anybody here has to do with. */
export class Arbiter implements EntryHost, DetectorHost {
  readonly clock: Clock
  readonly random: Random
  readonly sender: string
  readonly guard: (transaction: Queryable, guarded: Guarded) => Promise<void>
  readonly counters: LockCounters = noneYet()
  readonly detector: DeadlockDetector
  readonly deadlines: Deadlines
  readonly parking: Parking
  readonly #events: Emitter<LockEvents>
  readonly #links: ArbiterLinks
  readonly #maxWaiting: number
  readonly #entries: EntryBook
  #waiting = 0
  #interested = 0
  #arrivals = 0
  #isClosing = false
  #onEmpty: (() => void) | null = null
  noFencing: string | null = null

  constructor(ports: ArbiterPorts, maxWaiting: number, events: Emitter<LockEvents>, links: ArbiterLinks) {
    this.clock = ports.clock
    this.random = ports.random
    this.sender = ports.sender
    this.guard = ports.guard
    this.#maxWaiting = maxWaiting
    this.deadlines = new Deadlines(this.clock)
    this.#events = events
    this.#entries = new EntryBook(this, ports.hashOf)
    this.#links = links
    this.parking = new Parking(links)
    this.detector = new DeadlockDetector(ports, this)
  }

  get entries(): Iterable<Entry> {
    return this.#entries
  }

  get waiting(): number {
    return this.#waiting
  }

  /** How many callers have come so far. */
  get arrivals(): number {
    return this.#arrivals
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  get lastFailure(): LockError | null {
    return this.#links.lastFailure
  }

  /** Entries of the server's lock table that interest in keys takes. */
  get interestEntries(): number {
    return this.#interested * INTEREST_ENTRIES
  }

  admit(entry: Parked, entries: number): 'now' | 'later' | LockError {
    return this.parking.admit(entry, entries)
  }

  interestChanged(isSet: boolean): void {
    this.#interested += isSet ? 1 : -1
  }

  /** Why nobody may come now, or null. */
  get refusal(): LockError | null {
    return (
      this.#closed ?? (this.#waiting >= this.#maxWaiting ? new PoolSaturatedError(this.#maxWaiting) : null)
    )
  }

  get #closed(): LockError | null {
    return this.#isClosing ? new PoolClosedError() : null
  }

  /** One more caller, until it has `left`. */
  arrive(isPart = false): number {
    if (!isPart) this.#waiting++
    return ++this.#arrivals
  }

  /** A caller who asks for several keys: one more, however many they are, until it has left. */
  groupCame(): void {
    this.#waiting++
  }

  groupLeft(): void {
    this.#waiting--
  }

  /** `isPart`: of what a group asks for. The group was let in as one caller, and is not stopped half-way. */
  acquire(code: KeyCode, label: LockKey, request: LockRequest, isPart = false): Promise<Lock | null> {
    const refusal = isPart ? this.#closed : this.refusal
    if (refusal !== null) return Promise.reject(refusal)
    const entry = this.#entries.open(code, label)
    const again = entry.asAgain(request)
    if (again === null) {
      return request.patience === 'ask'
        ? Promise.resolve(null)
        : Promise.reject(new LockReentryError(keyInWords(label)))
    }
    const isBusy = entry.isBusyFor(request.mode)
    const waiter = new LockWaiter(entry, again, this.arrive(isPart), this.deadlines)
    if (isPart) waiter.isPart = true
    if (again.patience === 'wait' && request.frame !== null) this.detector.began(waiter, request.frame)
    if (waiter.hasLeft) return waiter.promise
    if (isBusy) this.announce(waiter)
    if (isBusy && again.patience !== 'wait' && again.patience !== 'again') waiter.notGranted()
    else entry.advance()
    return waiter.promise
  }

  /** @see isHeldAround */
  isHeldAround(keyId: string, ownKeys: KeysOfTransaction | null): boolean {
    return isHeldAround(this, keyId, this.#entries.find(keyId)?.holders ?? [], ownKeys)
  }

  /** Whether who wants it now would have to wait for others of this process, or should let those of others go first. */
  isBusy(code: KeyCode, mode: LockMode): boolean {
    return this.#entries.isBusy(code, mode)
  }

  /** Refuses everybody who waits, and everybody who comes. Resolves when nothing is held or under way any more. */
  close(): Promise<void> {
    this.#isClosing = true
    const closed = new PoolClosedError()
    for (const entry of this.#entries) {
      for (const waiter of entry.queue) waiter.refuse(closed)
      entry.advance()
    }
    return new Promise((resolve) => {
      if (this.#entries.size === 0) resolve()
      else this.#onEmpty = resolve
    })
  }

  rung(keyId: string, sender: string): void {
    this.#entries.find(keyId)?.rung(sender)
  }

  claimed(keyId: string, sender: string): void {
    this.#entries.find(keyId)?.claimed(sender)
  }

  listening(): void {
    for (const entry of this.#entries) entry.listening()
  }

  assign(entry: Entry): Session | null {
    return this.#links.assign(entry)
  }

  forget(entry: Entry): void {
    this.parking.leave(entry)
    this.#links.unassign(entry)
    this.#entries.rested(entry)
    if (this.#entries.size === 0) this.#onEmpty?.()
  }

  get line(): Line {
    return this.#links.line
  }

  asleep(entry: Entry): void {
    this.#links.asleep()
    const waiter = entry.queue.first
    if (waiter !== null) this.announce(waiter)
  }

  awake(_entry: Entry): void {
    this.#links.awake()
  }

  get isListening(): boolean {
    return this.#links.isListening
  }

  entry(keyId: string): Entry | null {
    return this.#entries.find(keyId)
  }

  /** Somebody's search for a deadlock wants to hear of it. */
  listen(): void {
    this.#links.asleep()
  }

  unlisten(): void {
    this.#links.awake()
  }

  deadlocked(): void {
    this.counters.deadlocks++
  }

  delayed(entry: Entry, delayMs: number): void {
    const { first } = entry.queue
    if (first !== null) this.announce(first)
    if (!this.#events.hears('lock:delayed')) return
    this.#events.emit('lock:delayed', { key: keyText(entry.label), mode: entry.mode, delayMs })
  }

  acquired(lock: Lock, waiter: LockWaiter<WaitedFor>, isHandOff: boolean, now: number): void {
    this.counters.acquired++
    if (isHandOff) this.counters.handedOff++
    traceHold(lock)
    if (!this.#events.hears('lock:acquired')) return
    const waitedMs = now - waiter.since
    this.#events.emit('lock:acquired', { key: keyText(lock.key), mode: lock.mode, waitedMs })
  }

  released(lock: Lock, now?: number): void {
    this.counters.released++
    traceHoldEnd(lock)
    this.#links.leaks?.ended(lock)
    if (!this.#events.hears('lock:released')) return
    const heldMs = now === undefined ? lock.heldMs : lock.heldMsAt(now)
    this.#events.emit('lock:released', { key: keyText(lock.key), mode: lock.mode, heldMs })
  }

  lost(error: LockLostError, lock: Lock): void {
    this.counters.lost++
    traceHoldEnd(lock, error)
    this.#links.leaks?.ended(lock)
    const { heldMs, reason } = error
    this.#events.emit('lock:lost', { key: keyText(lock.key), mode: lock.mode, heldMs, reason })
  }

  left(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    if (!waiter.isPart) this.#waiting--
    if (waiter.isFramed) this.detector.ended(waiter as LockWaiter)
    if (!isGranted) this.counters.refused++
    if (waiter.hasTimedOut) this.counters.timeouts++
    if (!this.#events.hears('waiter:left')) return
    const waitedMs = this.clock.now() - waiter.since
    this.#events.emit('waiter:left', {
      key: keyText(waiter.label),
      mode: waiter.mode,
      waitedMs,
      granted: isGranted,
    })
  }

  announce(waiter: LockWaiter<WaitedFor>): void {
    if (waiter.isAnnounced || !this.#events.hears('waiter:queued')) return
    waiter.isAnnounced = true
    this.#events.emit('waiter:queued', { key: keyText(waiter.label), mode: waiter.mode })
  }
}
