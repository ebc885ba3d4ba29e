import { runHoldingAll } from '../../lock/handle/holding-context.js'
import type { Lock } from '../../lock/handle/lock.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import { SqlError } from '../messages/sql-error.js'
import type { LockSource, Patience } from './lock-source.js'

/** Until when a lock is held: for as long as the session lasts, or the transaction. */
export type LockScope = 'session' | 'transaction'

type Counts = Readonly<Record<LockScope, Record<LockMode, number>>>

/** One key that the client holds, in one or both modes, as often as it asked. */
interface Hold {
  readonly key: LockKey
  readonly lock: Lock
  readonly counts: Counts
}

/** A lock of the transaction: its key and mode. */
interface Taken {
  readonly id: string
  readonly mode: LockMode
}

/**
 * All locks of one client. In PostgreSQL a session may take the same lock again and again, and must give it back as often;
 * the pool's locks know neither sessions nor counts, so one lock of the pool stands behind all that a client has of a key.
 *
 * A client asks for one thing at a time. Only `close` may come in between.
 */
export class LockOwner {
  readonly #source: LockSource
  readonly #holds = new Map<string, Hold>()
  /** What the transaction took, in order, so that a savepoint is a place in it. Made when there is one. */
  #taken: Taken[] | null = null
  #awaited: string | null = null
  #isClosed = false

  constructor(source: LockSource) {
    this.#source = source
  }

  /** How many keys are held. */
  get size(): number {
    return this.#holds.size
  }

  get keys(): Iterable<LockKey> {
    return [...this.#holds.values()].map(({ key }) => key)
  }

  /** The id of the key that is waited for; null if none is. */
  get awaited(): string | null {
    return this.#awaited
  }

  /** Whether a key with this id is held. */
  holds(id: string): boolean {
    return this.#holds.has(id)
  }

  /** Whether one of the locks has been lost: then the session has to end, as one of PostgreSQL's would have. */
  get hasLost(): boolean {
    for (const { lock } of this.#holds.values()) if (!lock.isHeld) return true
    return false
  }

  /** The pool's lock behind a key; null if the client does not hold it. */
  lockOf(key: LockKey): Lock | null {
    return this.#holds.get(idOf(key))?.lock ?? null
  }

  /**
   * Waits for a lock. Null if the client has it already, and so has it once more.
   *
   * @throws as `LockPool.acquire`
   * @throws {SqlError} 0A000 if the client holds it shared and wants it alone
   */
  acquire(key: LockKey, mode: LockMode, scope: LockScope, patience: Patience): Promise<void> | null {
    const id = idOf(key)
    if (this.#again(id, mode, scope)) return null
    return this.#acquire(id, key, mode, scope, patience)
  }

  async #acquire(
    id: string,
    key: LockKey,
    mode: LockMode,
    scope: LockScope,
    patience: Patience,
  ): Promise<void> {
    // Most locks are free. A client that holds others tries first, because a wait has to look at each lock that is held.
    const isFirst = this.#holds.size === 0
    let lock = isFirst ? null : await this.#source.tryAcquire(key, mode, patience)
    this.#awaited = id
    try {
      lock ??= await (isFirst ? this.#source.acquire(key, mode, patience) : this.#wait(key, mode, patience))
    } finally {
      this.#awaited = null
    }
    this.#keep(id, key, mode, scope, lock)
  }

  /** With all that is held known, so that a deadlock is found. */
  #wait(key: LockKey, mode: LockMode, patience: Patience): Promise<Lock> {
    return runHoldingAll(this.#locks(), () => this.#source.acquire(key, mode, patience))
  }

  /** One attempt: false if the lock is not free. */
  async tryAcquire(key: LockKey, mode: LockMode, scope: LockScope, patience: Patience): Promise<boolean> {
    const id = idOf(key)
    if (this.#again(id, mode, scope)) return true
    const lock = await this.#source.tryAcquire(key, mode, patience)
    if (lock === null) return false
    this.#keep(id, key, mode, scope, lock)
    return true
  }

  /**
   * Releases what was taken once, for the session. Null if the client does not have it: nothing has changed then. Resolves
   * when others can have it.
   *
   * @throws {LockLostError}
   */
  release(key: LockKey, mode: LockMode): Promise<void> | null {
    const id = idOf(key)
    const hold = this.#holds.get(id)
    if (hold === undefined || hold.counts.session[mode] === 0) return null
    return this.#giveBack(id, hold, 'session', mode)
  }

  /** Releases everything that was taken for the session. */
  async releaseAll(): Promise<void> {
    const released: Promise<void>[] = []
    for (const [id, hold] of this.#holds) {
      Object.assign(hold.counts.session, none())
      if (isUnused(hold)) released.push(this.#drop(id, hold))
    }
    await Promise.all(released)
  }

  /** The place of a savepoint among what the transaction took. */
  get mark(): number {
    return this.#taken?.length ?? 0
  }

  /** Releases what the transaction took since `mark`; since its beginning, at its end. */
  rollBackTo(mark: number): Promise<void> {
    if (this.#taken === null) return DONE
    return this.#rollBackTo(mark, this.#taken)
  }

  async #rollBackTo(mark: number, all: Taken[]): Promise<void> {
    const taken = all.splice(mark)
    if (all.length === 0) this.#taken = null
    const released: Promise<void>[] = []
    for (const { id, mode } of taken.toReversed()) {
      const hold = this.#holds.get(id)
      if (hold !== undefined) released.push(this.#giveBack(id, hold, 'transaction', mode))
    }
    await Promise.all(released)
  }

  /** The client has gone: releases everything at once, also what is still on its way to it. */
  close(): void {
    this.#isClosed = true
    for (const { lock } of this.#holds.values()) abandon(lock)
    this.#holds.clear()
    this.#taken = null
  }

  *#locks(): Iterable<Lock> {
    for (const { lock } of this.#holds.values()) yield lock
  }

  /** Takes the lock once more, if the client has it. */
  #again(id: string, mode: LockMode, scope: LockScope): boolean {
    const hold = this.#holds.get(id)
    if (hold === undefined) return false
    if (mode === 'exclusive' && hold.lock.mode === 'shared')
      throw new SqlError('0A000', 'lockpool cannot turn a shared advisory lock into an exclusive one', {
        hint: 'Release the shared lock first.',
      })
    this.#count(id, hold, mode, scope)
    return true
  }

  #keep(id: string, key: LockKey, mode: LockMode, scope: LockScope, lock: Lock): void {
    if (this.#isClosed) return abandon(lock)
    const hold: Hold = { key, lock, counts: { session: none(), transaction: none() } }
    this.#holds.set(id, hold)
    this.#count(id, hold, mode, scope)
  }

  #count(id: string, hold: Hold, mode: LockMode, scope: LockScope): void {
    hold.counts[scope][mode]++
    if (scope === 'transaction') (this.#taken ??= []).push({ id, mode })
  }

  #giveBack(id: string, hold: Hold, scope: LockScope, mode: LockMode): Promise<void> {
    hold.counts[scope][mode]--
    return isUnused(hold) ? this.#drop(id, hold) : DONE
  }

  #drop(id: string, { lock }: Hold): Promise<void> {
    this.#holds.delete(id)
    return lock.release()
  }
}

const DONE = Promise.resolve()

/** The client has gone, so the outcome interests no one. */
function abandon(lock: Lock): void {
  lock.release().catch(() => undefined)
}

function none(): Record<LockMode, number> {
  return { exclusive: 0, shared: 0 }
}

function isUnused({ counts: { session, transaction } }: Hold): boolean {
  return session.exclusive + session.shared + transaction.exclusive + transaction.shared === 0
}

/** Two keys exclude each other if and only if these are equal: a name never equals a number. */
function idOf(key: LockKey): string {
  if (typeof key === 'string') return `n${key}`
  return typeof key === 'bigint' ? String(key) : `${key[0]},${key[1]}`
}
