import { LockReentryError, LockTimeoutError, type AcquirePhase, type LockError } from '../../base/errors.js'
import type { Deadlines } from '../../base/deadlines.js'
import { Waiter } from '../../base/waiter.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { AnyFrame } from './frame.js'
import { Lock } from './lock.js'

/**
 * What a caller does when the lock is not free: `wait` for it, fail as timed out after the `once` attempt, or just `ask`
 * and take no for an answer. `again` is for a reader inside a body that reads the same key: it goes in as long as no writer
 * waits, because the writer waits for that body. `inside` is for the body of a transaction that has locked the same key: the
 * server knows in which mode, and whether it has given it back since (ROLLBACK TO SAVEPOINT), so it is asked, once.
 */
export type Patience = 'wait' | 'once' | 'ask' | 'again' | 'inside'

/**
 * How long past its deadline a caller is kept whose attempt is on the wire. The answer is then the server's: granted or
 * certainly not held. Without it the lock could be granted at the very moment the caller is told that it was not. And as
 * long at most it takes to ask who has the lock, which makes an error that somebody can do something about.
 */
export const ANSWER_GRACE_MS = 200

export interface LockRequest {
  readonly mode: LockMode
  readonly patience: Patience
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** The innermost body it is asked for in. */
  readonly frame: AnyFrame | null
  /** What the caller says it is for: see `AcquireOptions.label`. */
  readonly purpose: string | null
  /** Whether it waits, until its time is up, for a server that is away or has no primary. */
  readonly waitsWhileDown: boolean
  /** Whether it may wait for ever and nothing is wrong: who stands for leadership waits as long as another leads. */
  readonly isStandby: boolean
}

/** What a caller waits for: the entry of a key, or of a semaphore. */
export interface WaitedFor {
  readonly label: LockKey
  /** In a sentence. */
  readonly inWords: string
  readonly queue: {
    readonly first: object | null
    add(waiter: object): void
    remove(waiter: object): boolean
  }
  readonly hasSession: boolean
  readonly isHeld: boolean
  readonly lastFailure: LockError | null
  now(): number
  /** Whether an answer on the wire may be what this waiter wants. */
  isAskingFor(waiter: object): boolean
  /** Who in another process has it, if that can be asked. */
  askForHolder(): Promise<string | null> | null
  /** It has gone, served or not. */
  left(waiter: object, isGranted: boolean): void
}

/** Beside the first, which says that it has left. */
const MARK = { announced: 2, seasoned: 4, part: 8, framed: 16, overdue: 32, timedOut: 64 } as const

/** One caller who wants a lock. */
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

  get patience(): Patience {
    return this.#request.patience
  }

  get purpose(): string | null {
    return this.#request.purpose
  }

  get isStandby(): boolean {
    return this.#request.isStandby
  }

  /** Whether listeners have been told that it has to wait. */
  get isAnnounced(): boolean {
    return this.has(MARK.announced)
  }

  set isAnnounced(is: boolean) {
    this.mark(MARK.announced, is)
  }

  /**
   * Whether it keeps its turn while the server is away: it was waiting when a session was lost, or waits for the server as well,
   * unless that says what no time mends.
   */
  get isSeasoned(): boolean {
    if (this.has(MARK.seasoned)) return true
    if (!this.#request.waitsWhileDown) return false
    const { lastFailure } = this.entry
    return lastFailure === null || (lastFailure.code === 'CONNECTION_FAILED' && lastFailure.retryable)
  }

  set isSeasoned(is: boolean) {
    this.mark(MARK.seasoned, is)
  }

  /** Of a group, which counts as one caller. */
  get isPart(): boolean {
    return this.has(MARK.part)
  }

  set isPart(is: boolean) {
    this.mark(MARK.part, is)
  }

  /** Whether the detector of deadlocks knows of it. */
  get isFramed(): boolean {
    return this.has(MARK.framed)
  }

  set isFramed(is: boolean) {
    this.mark(MARK.framed, is)
  }

  get label(): LockKey {
    return this.entry.label
  }

  /** Its time is up, and it only waits for an answer on the wire. */
  get isOverdue(): boolean {
    return this.has(MARK.overdue)
  }

  /** It has left, or is about to, because its time was up. */
  get hasTimedOut(): boolean {
    return this.has(MARK.timedOut)
  }

  /** The lock was not to be had. Callers without patience leave. */
  notGranted(): void {
    if (this.patience === 'ask') this.offer(null)
    else if (this.patience === 'again' || this.patience === 'inside')
      this.refuse(new LockReentryError(this.entry.inWords))
    else if (this.patience === 'once' || this.isOverdue) this.timeOut()
  }

  timeOut(holder: string | null = null): void {
    const details = {
      key: this.entry.inWords,
      phase: this.#phase(),
      waitedMs: this.entry.now() - this.since,
      holder,
    }
    const cause = this.entry.lastFailure
    this.mark(MARK.timedOut)
    this.refuse(new LockTimeoutError(details, cause === null ? undefined : { cause }))
  }

  protected override outOfTime(deadlines: Deadlines): void {
    if (this.isOverdue) return this.timeOut()
    const holder = this.entry.askForHolder()
    if (holder === null && !this.entry.isAskingFor(this)) return this.timeOut()
    this.mark(MARK.overdue)
    deadlines.add(ANSWER_GRACE_MS, this)
    void holder?.then((words) => this.timeOut(words))
  }

  protected override left(lock: Lock | null | undefined): void {
    this.entry.queue.remove(this)
    this.entry.left(this, lock instanceof Lock)
  }

  #phase(): AcquirePhase {
    if (!this.entry.hasSession) return 'connecting'
    return this.entry.isHeld || this.entry.queue.first !== this ? 'queueing' : 'locking'
  }
}
