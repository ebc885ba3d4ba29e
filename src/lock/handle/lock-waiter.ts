import { LockReentryError, LockTimeoutError, type AcquirePhase, type LockError } from '../../base/errors.js'
import { isOutage } from '../../base/is-outage.js'
import type { Deadlines } from '../../base/deadlines.js'
import { Waiter } from '../../base/waiter.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { AnyFrame } from './frame.js'
import { Lock } from './lock.js'

/**
 * The wait policy of a caller when the lock is not free: `wait` for it, fail with a timeout after `once` attempt, or
 * `ask` and accept a refusal. `again` is for a reader inside a body that reads the same key: it enters unless a writer
 * waits, because the writer waits for that body. `inside` is for the body of a transaction that has locked the same key:
 * the server knows in which mode, and whether the transaction has released it since (ROLLBACK TO SAVEPOINT), so the pool
 * asks it, once.
 */
export type WaitPolicy = 'wait' | 'once' | 'ask' | 'again' | 'inside'

/**
 * How long a caller waits past its deadline if its attempt is on the wire. The server then decides: granted, or certainly
 * not held. Without this the server could grant the lock at the very moment at which the caller gets a timeout. It is
 * also the limit for asking who holds the lock, which makes the error more useful.
 */
export const ANSWER_GRACE_MS = 200

export interface LockRequest {
  readonly mode: LockMode
  readonly waitPolicy: WaitPolicy
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** The innermost body around the request. */
  readonly frame: AnyFrame | null
  /** The caller's label: see `AcquireOptions.label`. */
  readonly purpose: string | null
  /** Whether it waits, until its deadline, for a server that is unavailable or has no primary. */
  readonly waitsWhileDown: boolean
  /** Whether it may wait forever without a problem: a candidate for leadership waits while another leads. */
  readonly isStandby: boolean
}

/** The entry that a caller waits for: of a key, or of a semaphore. */
export interface WaitedFor {
  readonly label: LockKey
  /** The key in a sentence. */
  readonly inWords: string
  readonly queue: {
    readonly first: object | null
    add(waiter: object): void
    addFirst(waiter: object): void
    remove(waiter: object): boolean
  }
  readonly hasSession: boolean
  readonly isHeld: boolean
  readonly lastFailure: LockError | null
  now(): number
  /** Whether an answer on the wire may grant this waiter what it wants. */
  isAskingFor(waiter: object): boolean
  /** The holder in another process, if the server can be asked for this waiter. */
  askForHolder(waiter: object): Promise<string | null> | null
  /** The waiter has gone, served or not. */
  gone(waiter: object, isGranted: boolean): void
}

/** The flags of a waiter, after the first one, which `Waiter` defines. */
const FLAG = { announced: 2, keepsPlace: 4, part: 8, framed: 16, overdue: 32, timedOut: 64 } as const

/** One caller that wants a lock. */
export class LockWaiter<Place extends WaitedFor = WaitedFor> extends Waiter<Lock | null> {
  /** The order in which callers of this process came, over all keys. */
  readonly arrival: number
  readonly since: number
  readonly entry: Place
  readonly #request: LockRequest

  constructor(entry: Place, request: LockRequest, arrival: number, deadlines: Deadlines) {
    const now = entry.now()
    super(deadlines, request.timeoutMs, request.signal, now)
    this.arrival = arrival
    this.since = now
    this.entry = entry
    this.#request = request
    entry.queue.add(this)
  }

  get mode(): LockMode {
    return this.#request.mode
  }

  get waitPolicy(): WaitPolicy {
    return this.#request.waitPolicy
  }

  get purpose(): string | null {
    return this.#request.purpose
  }

  get isStandby(): boolean {
    return this.#request.isStandby
  }

  /** Whether listeners know that it has to wait. */
  get isAnnounced(): boolean {
    return this.has(FLAG.announced)
  }

  set isAnnounced(is: boolean) {
    this.setFlag(FLAG.announced, is)
  }

  /**
   * Whether it keeps its place while the server is unavailable: it was waiting when a session was lost, or its policy is
   * to wait for the server, unless waiting cannot fix the error.
   */
  get keepsPlace(): boolean {
    if (this.has(FLAG.keepsPlace)) return true
    if (!this.#request.waitsWhileDown) return false
    const { lastFailure } = this.entry
    return lastFailure === null || isOutage(lastFailure)
  }

  set keepsPlace(is: boolean) {
    this.setFlag(FLAG.keepsPlace, is)
  }

  /** The waiters of a group count as one caller. */
  get isPart(): boolean {
    return this.has(FLAG.part)
  }

  set isPart(is: boolean) {
    this.setFlag(FLAG.part, is)
  }

  /** Whether the deadlock detector knows of it. */
  get isFramed(): boolean {
    return this.has(FLAG.framed)
  }

  set isFramed(is: boolean) {
    this.setFlag(FLAG.framed, is)
  }

  get label(): LockKey {
    return this.entry.label
  }

  /** Whether its time is up, and it only waits for an answer on the wire. */
  get isOverdue(): boolean {
    return this.has(FLAG.overdue)
  }

  /** The grace for an answer on the wire is not part of the caller's time. */
  override remainingMs(now: number): number {
    return this.isOverdue ? 0 : super.remainingMs(now)
  }

  /** Whether it has gone, or is about to, because its time was up. */
  get hasTimedOut(): boolean {
    return this.has(FLAG.timedOut)
  }

  /** The lock was not available. Callers whose policy is not to wait are refused. */
  notGranted(): void {
    if (this.waitPolicy === 'ask') this.offer(null)
    else if (this.waitPolicy === 'again' || this.waitPolicy === 'inside')
      this.refuse(new LockReentryError(this.entry.inWords))
    else if (this.waitPolicy === 'once' || this.isOverdue) this.timeOut()
  }

  timeOut(holder: string | null = null): void {
    const details = {
      key: this.entry.inWords,
      phase: this.#phase(),
      waitedMs: this.entry.now() - this.since,
      holder,
    }
    const cause = this.entry.lastFailure
    this.setFlag(FLAG.timedOut)
    this.refuse(new LockTimeoutError(details, cause === null ? undefined : { cause }))
  }

  protected override outOfTime(deadlines: Deadlines): void {
    if (this.isOverdue) return this.timeOut()
    const holder = this.entry.askForHolder(this)
    if (holder === null && !this.entry.isAskingFor(this)) return this.timeOut()
    this.setFlag(FLAG.overdue)
    deadlines.add(ANSWER_GRACE_MS, this)
    void holder?.then((words) => this.timeOut(words))
  }

  protected override gone(lock: Lock | null | undefined): void {
    this.entry.queue.remove(this)
    this.entry.gone(this, lock instanceof Lock)
  }

  #phase(): AcquirePhase {
    if (!this.entry.hasSession) return 'connecting'
    return this.entry.isHeld || this.entry.queue.first !== this ? 'queueing' : 'locking'
  }
}
