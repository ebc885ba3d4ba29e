import { assert } from '../../base/assert.js'
import type { LockError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import type { Guarded } from '../../dialect/dialect.js'
import type { KeyCode, LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Queryable } from '../../dialect/queryable.js'
import { ConversionWaiter } from '../handle/conversion-waiter.js'
import { Contended } from '../contention/contended.js'
import type { ContendedHost } from '../contention/contended-host.js'
import type { Machine } from '../contention/machine.js'
import { KEY_MACHINE, type KeyState } from './key-state.js'
import { TransactionFrame } from '../handle/frame.js'
import { isIn } from '../handle/holding-context.js'
import { keyInWords } from '../../dialect/key-words.js'
import { Lock, type LockHost } from '../handle/lock.js'
import type { LockRequest, LockWaiter } from '../handle/lock-waiter.js'
import type { CohortTurn } from '../contention/cohort-turn.js'

/** What a key needs from the rest of the pool, and reports to it. */
export interface KeyHost extends ContendedHost {
  /** The entry has no facts to remember about its key. */
  evict(entry: LocalKey): void
  /** The server has granted the key, and no caller gets it for this long. */
  lockDelayBegan(entry: LocalKey, lockDelayMs: number): void
  guard(transaction: Queryable, guarded: Guarded): Promise<void>
}

/**
 * One key in this process, without the server: its holders, and its waiters in order. A server session is re-entrant, so
 * two callers on one connection would both get the lock; this class keeps them apart.
 */
export abstract class LocalKey extends Contended<KeyState, KeyHost> implements LockHost {
  readonly key: KeyCode
  declare readonly queue: Fifo<LockWaiter>
  /** The local holders, in no order: each lock knows its index. */
  holders: Lock[] = NO_HOLDERS
  /** The mode in which the key is held or wanted. */
  mode: LockMode = 'exclusive'
  /** A writer in another process waits: no more readers may join. */
  isDraining = false
  /** The current cohort turn, while the server's last answer gives the key to this process. */
  protected turn: CohortTurn | null = null
  /** The lock whose release, or yield, is under way. */
  protected releasing: Lock | null = null

  constructor(key: KeyCode, label: LockKey, host: KeyHost) {
    super(label, host, KEY_MACHINE)
    this.key = key
  }

  protected get machine(): Machine<KeyState> {
    return KEY_MACHINE
  }

  get head(): LockMode | null {
    const { first } = this.queue
    return first === null ? null : first.mode
  }

  get holderCount(): number {
    return this.holders.length
  }

  get isHeld(): boolean {
    return this.holders.length > 0
  }

  get mayHandOff(): boolean {
    return this.turn!.mayContinue(this.now())
  }

  /** The key in a sentence. */
  get inWords(): string {
    return keyInWords(this.label)
  }

  guard(transaction: Queryable, resource: string | undefined, token: bigint, mode: LockMode): Promise<void> {
    const guarded: Guarded = { resource: resource ?? this.key.id, token, mode }
    return this.host.guard(transaction, guarded)
  }

  /** Whether a caller that cannot wait can be refused without asking the server. */
  isBusyFor(mode: LockMode): boolean {
    if (this.queue.size > 0) return true
    return this.isHeld && (mode === 'exclusive' || this.mode === 'exclusive')
  }

  /**
   * A request inside a body that already holds this key would wait for itself: null. A reader inside a reader may enter
   * if it need not wait, and so may any request inside a transaction.
   */
  asAgain(request: LockRequest): LockRequest | null {
    let isInside = false
    let isInTransaction = false
    for (let frame = request.frame; frame !== null; frame = frame.parent) {
      if (frame instanceof TransactionFrame) isInTransaction ||= isIn(frame, this.host, this.key.id)
      else if (this.holders[frame.lock.place] === frame.lock) isInside = true
    }
    if (isInTransaction && request.waitPolicy !== 'ask') return { ...request, waitPolicy: 'inside' }
    if (!isInside) return request
    if (request.mode === 'exclusive' || this.mode === 'exclusive') return null
    if (this.head === 'exclusive') return null
    return request.waitPolicy === 'ask' ? request : { ...request, waitPolicy: 'again' }
  }

  abstract release(lock: Lock): boolean

  /** Passes the lock to the first local waiter; in shared mode to all readers at the head of the queue. */
  protected passOn(stamp: number, now: number): void {
    if (this.mode === 'exclusive') {
      if (this.head === 'exclusive') this.grant(this.queue.first!, now)
      return
    }
    // Readers that came after the batch left need a token drawn after they came.
    for (const waiter of this.queue) {
      // It waits for all other readers, and these came before it.
      if (waiter instanceof ConversionWaiter) continue
      if (waiter.mode !== 'shared' || waiter.arrival > stamp || this.turn!.room === 0) break
      this.grant(waiter, now)
    }
  }

  protected grant(waiter: LockWaiter, now: number): void {
    const turn = this.turn!
    const offset = turn.draw()
    const lock = new Lock(this, turn.token, offset, now)
    lock.label = waiter.purpose
    lock.place = this.holders.length
    if (lock.place === 0) this.holders = [lock]
    else this.holders.push(lock)
    waiter.offer(lock)
    this.host.acquired(lock, waiter, this.mode === 'exclusive' && offset > 0, now)
  }

  /** Refuses the first waiter and, if it is a reader, all readers that follow it. */
  protected refuseHead(error: LockError): void {
    const head = this.queue.first
    for (const waiter of this.queue) {
      if (waiter !== head && (waiter.mode === 'exclusive' || head?.mode === 'exclusive')) break
      waiter.refuse(error)
    }
  }

  protected removeHolder(lock: Lock): void {
    const last = this.holders.pop()
    assert(last !== undefined, 'only a holder releases')
    if (last === lock) return
    this.holders[lock.place] = last
    last.place = lock.place
  }

  protected confirm(lock: Lock, now?: number): void {
    lock.confirmReleased()
    this.host.released(lock, now)
  }

  /** Completes a release that is under way. */
  protected releaseConfirmed(now?: number): void {
    const lock = this.releasing
    if (lock === null) return
    this.releasing = null
    this.confirm(lock, now)
  }

  /** This process believed that it had the key, but the server denies it: a foreign program has used the session. */
  protected wasNotHeld(): void {
    const lock = this.releasing
    this.releasing = null
    if (lock !== null) this.host.lost(lock.lose(NOT_HELD), lock)
  }

  /** All local holders have lost the lock. Waiting callers keep their place. */
  protected loseHolders(reason: string, cause?: Error): void {
    const lost = this.releasing === null ? this.holders : [...this.holders, this.releasing]
    this.releasing = null
    this.holders = NO_HOLDERS
    for (const lock of lost) this.host.lost(lock.lose(reason, cause), lock)
    for (const waiter of this.queue) if (waiter instanceof ConversionWaiter) waiter.refuse(waiter.held.loss)
    this.keepPlaces()
  }
}

export const NOT_HELD = 'the server says that it was not held: something else has unlocked it'

const NO_HOLDERS: Lock[] = []
