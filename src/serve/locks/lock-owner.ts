import { runHoldingAll } from '../../lock/handle/holding-context.js'
import type { Lock } from '../../lock/handle/lock.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { LockSource, Patience } from './lock-source.js'

/** Until when a lock is held: for as long as the session lasts, or the transaction. */
export type LockScope = 'session' | 'transaction'

type Counts = Readonly<Record<LockScope, Record<LockMode, number>>>

/** One key that the client holds, in one or both modes, as often as it asked. */
interface Hold {
  readonly key: LockKey
  /** Exclusive if the client has it exclusively at all, but for what `LockSource` cannot do. */
  lock: Lock
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
   */
  acquire(key: LockKey, mode: LockMode, scope: LockScope, patience: Patience): Promise<void> | null {
    const id = idOf(key)
    const hold = this.#holds.get(id)
    if (hold !== undefined) return this.#again(id, hold, mode, scope, patience)
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
    const hold = this.#holds.get(id)
    if (hold !== undefined) return this.#tryAgain(id, hold, mode, scope, patience)
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
    hold.counts.session[mode]--
    return this.#changed(id, hold) ?? DONE
  }

  /** Releases everything that was taken for the session. */
  async releaseAll(): Promise<void> {
    const released: Promise<void>[] = []
    for (const [id, hold] of this.#holds) {
      Object.assign(hold.counts.session, none())
      const change = this.#changed(id, hold)
      if (change !== null) released.push(change)
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
    const changed = new Map<string, Hold>()
    for (const { id, mode } of taken.toReversed()) {
      const hold = this.#holds.get(id)
      if (hold === undefined) continue
      hold.counts.transaction[mode]--
      changed.set(id, hold)
    }
    // Once for each key: a lock that is changing its mode cannot be released.
    await Promise.all([...changed].map(([id, hold]) => this.#changed(id, hold) ?? DONE))
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

  /** Takes the lock once more. Null without a wait. */
  #again(id: string, hold: Hold, mode: LockMode, scope: LockScope, patience: Patience): Promise<void> | null {
    if (isCovered(hold, mode)) {
      this.#count(id, hold, mode, scope)
      return null
    }
    return this.#upgrade(id, hold, scope, patience)
  }

  async #upgrade(id: string, hold: Hold, scope: LockScope, patience: Patience): Promise<void> {
    this.#awaited = id
    try {
      const lock = await runHoldingAll(this.#locks(), () => this.#source.upgrade(hold.lock, patience, true))
      this.#replace(id, hold, lock!, scope)
    } finally {
      this.#awaited = null
    }
  }

  async #tryAgain(
    id: string,
    hold: Hold,
    mode: LockMode,
    scope: LockScope,
    patience: Patience,
  ): Promise<boolean> {
    if (isCovered(hold, mode)) {
      this.#count(id, hold, mode, scope)
      return true
    }
    const lock = await this.#source.upgrade(hold.lock, patience, false)
    if (lock === null) return false
    this.#replace(id, hold, lock, scope)
    return true
  }

  #replace(id: string, hold: Hold, lock: Lock, scope: LockScope): void {
    if (this.#isClosed) return abandon(lock)
    hold.lock = lock
    this.#count(id, hold, 'exclusive', scope)
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

  /** Fewer are counted: releases what is not needed any more. Null if there is nothing to release. */
  #changed(id: string, hold: Hold): Promise<void> | null {
    if (isUnused(hold)) return this.#drop(id, hold)
    const isTooMuch = hold.lock.mode === 'exclusive' && countOf(hold, 'exclusive') === 0
    return isTooMuch
      ? (this.#source.downgrade(hold.lock)?.then((lock) => this.#weaken(hold, lock)) ?? null)
      : null
  }

  #weaken(hold: Hold, lock: Lock): void {
    if (this.#isClosed) abandon(lock)
    else hold.lock = lock
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

function isUnused(hold: Hold): boolean {
  return countOf(hold, 'exclusive') + countOf(hold, 'shared') === 0
}

function countOf({ counts: { session, transaction } }: Hold, mode: LockMode): number {
  return session[mode] + transaction[mode]
}

/** Whether what the client has is enough for one more. */
function isCovered({ lock }: Hold, mode: LockMode): boolean {
  return mode === 'shared' || lock.mode === 'exclusive'
}

/** Two keys exclude each other if and only if these are equal: a name never equals a number. */
function idOf(key: LockKey): string {
  if (typeof key === 'string') return `n${key}`
  return typeof key === 'bigint' ? String(key) : `${key[0]},${key[1]}`
}
