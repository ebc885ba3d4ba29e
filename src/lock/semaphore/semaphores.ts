import type { Clock } from '../../base/clock.js'
import { InvalidOptionError, type LockError, type LockLostError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { LockKey } from '../../dialect/lock-key.js'
import type { SemaphoreCode } from '../../dialect/permit-operation.js'
import type { Arbiter } from '../arbiter.js'
import { semaphoreInWords } from '../../dialect/key-words.js'
import type { Lock } from '../lock.js'
import { LockWaiter, type LockRequest } from '../lock-waiter.js'
import type { Line } from '../place-in-line.js'
import type { Session } from '../session.js'
import type { Tenant } from '../sessions.js'
import type { HeldPermit } from './permit.js'
import { SemaphoreEntry } from './semaphore-entry.js'
import type { SemaphoreHost } from './semaphore-host.js'

/** How long others with another number of permits may go unnoticed. A look costs the server time per lock there is. */
const LOOK_AGAIN_MS = 10_000

/** Semaphores whose numbers are remembered: up to twice as many, in two generations, of which the older is dropped whole. */
const REMEMBERED = 4096

interface Remembered {
  readonly permits: number
  lookedAt: number
}

export interface SemaphoreLinks {
  assign(entry: Tenant): Session | null
  unassign(entry: Tenant): void
}

/** The semaphores that anybody in this process has to do with. What is one for all keys, the arbiter does. */
export class Semaphores implements SemaphoreHost {
  readonly #arbiter: Arbiter
  readonly #links: SemaphoreLinks
  readonly #entries = new Map<string, SemaphoreEntry>()
  #recent = new Map<string, Remembered>()
  #older = new Map<string, Remembered>()
  #permitEntries = 0
  #onEmpty: (() => void) | null = null

  constructor(arbiter: Arbiter, links: SemaphoreLinks) {
    this.#arbiter = arbiter
    this.#links = links
  }

  get clock(): Clock {
    return this.#arbiter.clock
  }

  get random(): Random {
    return this.#arbiter.random
  }

  get sender(): string {
    return this.#arbiter.sender
  }

  get line(): Line {
    return this.#arbiter.line
  }

  get isClosing(): boolean {
    return this.#arbiter.isClosing
  }

  get noFencing(): string | null {
    return this.#arbiter.noFencing
  }

  get lastFailure(): LockError | null {
    return this.#arbiter.lastFailure
  }

  get entries(): IterableIterator<SemaphoreEntry> {
    return this.#entries.values()
  }

  /** Entries of the server's lock table that permits take. */
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
    const refusal = this.#arbiter.refusal
    if (refusal !== null) return Promise.reject(refusal)
    let entry = this.#entries.get(semaphore.key.id)
    if (entry === undefined) {
      this.remember(semaphore, label)
      this.#entries.set(semaphore.key.id, (entry = new SemaphoreEntry(semaphore, label, this)))
    }
    const { isBusy } = entry
    const arrival = this.#arbiter.arrive()
    const waiter = new LockWaiter<SemaphoreEntry>(entry, request, arrival, this.#arbiter.deadlines)
    if (isBusy) this.#arbiter.announce(waiter)
    if (isBusy && request.patience !== 'wait') waiter.notGranted()
    else entry.advance()
    return waiter.promise as Promise<HeldPermit | null>
  }

  /** The arbiter refuses who comes; this refuses who waits. Resolves when nothing is held or under way any more. */
  close(closed: LockError): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      for (const waiter of entry.queue) waiter.refuse(closed)
      entry.advance()
    }
    return new Promise((resolve) => {
      if (this.#entries.size === 0) resolve()
      else this.#onEmpty = resolve
    })
  }

  rung(keyId: string, sender: string): void {
    this.#entries.get(keyId)?.rung(sender)
  }

  claimed(keyId: string, sender: string): void {
    this.#entries.get(keyId)?.claimed(sender)
  }

  listening(): void {
    for (const entry of [...this.#entries.values()]) entry.listening()
  }

  admit(entry: SemaphoreEntry, entries: number): 'now' | 'later' | LockError {
    return this.#arbiter.admit(entry, entries)
  }

  assign(entry: SemaphoreEntry): Session | null {
    return this.#links.assign(entry)
  }

  forget(entry: SemaphoreEntry): void {
    this.#arbiter.parking.leave(entry)
    // Somebody who is told that its session is idle may ask for it again: that is then a new entry.
    this.#entries.delete(entry.key.id)
    this.#links.unassign(entry)
    if (this.#entries.size === 0) this.#onEmpty?.()
  }

  entriesChanged(by: number): void {
    this.#permitEntries += by
  }

  interestChanged(isSet: boolean): void {
    this.#arbiter.interestChanged(isSet)
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

  asleep(entry: SemaphoreEntry): void {
    this.#arbiter.listen()
    for (const waiter of entry.queue) this.#arbiter.announce(waiter)
  }

  awake(): void {
    this.#arbiter.unlisten()
  }

  acquired(permit: Lock, waiter: LockWaiter<SemaphoreEntry>, isHandOff: boolean, now: number): void {
    this.#arbiter.acquired(permit, waiter, isHandOff, now)
  }

  released(permit: Lock): void {
    this.#arbiter.released(permit)
  }

  lost(error: LockLostError, permit: Lock): void {
    this.#arbiter.lost(error, permit)
  }

  left(waiter: LockWaiter<SemaphoreEntry>, isGranted: boolean): void {
    this.#arbiter.left(waiter, isGranted)
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
