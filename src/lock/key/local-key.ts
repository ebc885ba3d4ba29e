import { assert } from '../../base/assert.js'
import type { LockError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import type { Guarded } from '../../dialect/dialect.js'
import type { KeyCode, LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Queryable } from '../../dialect/queryable.js'
import { Contended } from '../contention/contended.js'
import type { ContendedHost } from '../contention/contended-host.js'
import type { Machine } from '../contention/machine.js'
import { KEY_MACHINE, type KeyState } from './key-state.js'
import { TransactionFrame } from '../handle/frame.js'
import { isIn } from '../handle/holding-context.js'
import { keyInWords } from '../../dialect/key-words.js'
import { Lock, type LockKeeper } from '../handle/lock.js'
import type { LockRequest, LockWaiter } from '../handle/lock-waiter.js'
import type { Turn } from '../contention/turn.js'

/** What a key needs of the rest of the pool, and what it tells it. */
export interface KeyHost extends ContendedHost {
  /** There is nothing more to know about this key. */
  forget(entry: LocalKey): void
  /** The server has granted it, and no caller is told for so long. */
  delayed(entry: LocalKey, delayMs: number): void
  guard(transaction: Queryable, guarded: Guarded): Promise<void>
}

/**
 * One key in this process, without the server: who holds it here, and who waits here, in order. A server session is
 * re-entrant, so two callers on one connection would both be told yes; this is where they are told apart.
 */
export abstract class LocalKey extends Contended<KeyState, KeyHost> implements LockKeeper {
  readonly key: KeyCode
  declare readonly queue: Fifo<LockWaiter>
  /** In no order: each lock knows its place. */
  holders: Lock[] = NOBODY
  /** The mode of what is held, or of what is being waited for. */
  mode: LockMode = 'exclusive'
  /** A writer elsewhere waits: no more readers may join. */
  isDraining = false
  /** Set while the server has this key as ours, by its last answer. */
  protected turn: Turn | null = null
  /** Its release, or yield, is under way. */
  protected givingUp: Lock | null = null

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

  /** In a sentence. */
  get inWords(): string {
    return keyInWords(this.label)
  }

  guard(transaction: Queryable, resource: string | undefined, token: bigint, mode: LockMode): Promise<void> {
    const guarded: Guarded = { resource: resource ?? this.key.id, token, mode }
    return this.host.guard(transaction, guarded)
  }

  /** Whether somebody who can't wait need not even ask. */
  isBusyFor(mode: LockMode): boolean {
    if (this.queue.size > 0) return true
    return this.isHeld && (mode === 'exclusive' || this.mode === 'exclusive')
  }

  /**
   * A request inside a body that holds this key already would wait for itself: null. A reader inside a reader may go in if
   * it needs no waiting, and so may whoever asks inside a transaction.
   */
  asAgain(request: LockRequest): LockRequest | null {
    let isInside = false
    let isInTransaction = false
    for (let frame = request.frame; frame !== null; frame = frame.parent) {
      if (frame instanceof TransactionFrame) isInTransaction ||= isIn(frame, this.host, this.key.id)
      else if (this.holders[frame.lock.place] === frame.lock) isInside = true
    }
    if (isInTransaction && request.patience !== 'ask') return { ...request, patience: 'inside' }
    if (!isInside) return request
    if (request.mode === 'exclusive' || this.mode === 'exclusive') return null
    if (this.head === 'exclusive') return null
    return request.patience === 'ask' ? request : { ...request, patience: 'again' }
  }

  abstract release(lock: Lock): boolean

  /** To the first who waits here; in shared mode to all readers at the head. */
  protected passOn(stamp: number, now: number): void {
    if (this.mode === 'exclusive') {
      if (this.head === 'exclusive') this.grant(this.queue.first!, now)
      return
    }
    // Readers who came after the batch left need a token drawn after they came.
    for (const waiter of this.queue) {
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

  /** The first who waits, and with a reader all readers behind it. */
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

  /** What was being given up is given up. */
  protected gaveUp(now?: number): void {
    const lock = this.givingUp
    if (lock === null) return
    this.givingUp = null
    this.confirm(lock, now)
  }

  /** We had it, by all we know, and the server says no: somebody has meddled with the session. */
  protected wasNotHeld(): void {
    const reason = 'the server says that it was not held: something else has unlocked it'
    const lock = this.givingUp
    this.givingUp = null
    if (lock !== null) this.host.lost(lock.lose(reason), lock)
  }

  /** All that is held here is gone. Those who wait keep their turn. */
  protected loseHolders(reason: string, cause?: Error): void {
    const lost = this.givingUp === null ? this.holders : [...this.holders, this.givingUp]
    this.givingUp = null
    this.holders = NOBODY
    for (const lock of lost) this.host.lost(lock.lose(reason, cause), lock)
    this.seasoned()
  }
}

const NOBODY: Lock[] = []
