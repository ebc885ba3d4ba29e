import type { Cancel } from '../../base/clock.js'
import { runHoldingAll } from '../../lock/handle/holding-context.js'
import type { Lock } from '../../lock/handle/lock.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { LockSource, WaitLimits } from './lock-source.js'

/** How long a lock is held: until the session ends, or the transaction. */
export type LockScope = 'session' | 'transaction'

type Counts = Readonly<Record<LockScope, Record<LockMode, number>>>

/** One key that the client holds, in one or both modes, with the number of times. */
interface Hold {
  readonly key: LockKey
  /** Exclusive if the client has the key exclusively at least once; longer if `LockSource` cannot downgrade it. */
  lock: Lock
  readonly counts: Counts
}

/** A lock of the transaction: its key and mode. */
interface Taken {
  readonly id: string
  readonly mode: LockMode
}

/**
 * All locks of one client. In PostgreSQL a session may take the same lock many times, and must release it as often. The
 * pool's locks know neither sessions nor counts, so the client has one lock of the pool for each key.
 *
 * A client makes one request at a time. Only `close` may come during another call.
 */
export class LockOwner {
  readonly #source: LockSource
  readonly #holds = new Map<string, Hold>()
  /** The locks that the transaction has taken, in order: a savepoint is an index in this list. Null until the first one. */
  #taken: Taken[] | null = null
  #awaited: string | null = null
  #waits = 0
  #isClosed = false
  readonly #watchWait: () => Cancel | null

  /** `watchWait` is called when a wait begins, and its result when the wait ends. */
  constructor(source: LockSource, watchWait: () => Cancel | null = notWatched) {
    this.#source = source
    this.#watchWait = watchWait
  }

  /** How many keys the client holds. */
  get size(): number {
    return this.#holds.size
  }

  get keys(): Iterable<LockKey> {
    return [...this.#holds.values()].map(({ key }) => key)
  }

  /** The id of the key that the client waits for; null if it does not wait. */
  get awaited(): string | null {
    return this.#awaited
  }

  /** The number of waits so far. */
  get waits(): number {
    return this.#waits
  }

  /** Whether the client holds the key with this id. */
  holds(id: string): boolean {
    return this.#holds.has(id)
  }

  /** Whether a lock has been lost: then the session must end, as a session of PostgreSQL would. */
  get hasLost(): boolean {
    for (const { lock } of this.#holds.values()) if (!lock.isHeld) return true
    return false
  }

  /** The pool's lock for a key; null if the client does not hold it. */
  lockOf(key: LockKey): Lock | null {
    return this.#holds.get(idOf(key))?.lock ?? null
  }

  /**
   * Waits for a lock. Null without a wait: the client has the lock already, and has it once more now.
   *
   * @throws as `LockPool.acquire`
   */
  acquire(key: LockKey, mode: LockMode, scope: LockScope, waitLimits: WaitLimits): Promise<void> | null {
    const id = idOf(key)
    const hold = this.#holds.get(id)
    if (hold !== undefined) return this.#again(id, hold, mode, scope, waitLimits)
    return this.#acquire(id, key, mode, scope, waitLimits)
  }

  async #acquire(
    id: string,
    key: LockKey,
    mode: LockMode,
    scope: LockScope,
    waitLimits: WaitLimits,
  ): Promise<void> {
    // Most locks are free. A client that holds others tries first, because a wait has to examine each of its locks.
    const isFirst = this.#holds.size === 0
    let lock = isFirst ? null : await this.#source.tryAcquire(key, mode, waitLimits)
    const unwatch = lock === null ? this.#begin(id) : null
    try {
      lock ??= await (isFirst
        ? this.#source.acquire(key, mode, waitLimits)
        : this.#wait(key, mode, waitLimits))
    } finally {
      this.#awaited = null
      unwatch?.()
    }
    this.#keep(id, key, mode, scope, lock)
  }

  /** A wait begins. */
  #begin(id: string): Cancel | null {
    this.#awaited = id
    this.#waits++
    return this.#watchWait()
  }

  /** Waits with all held locks announced, so that a deadlock is found. */
  #wait(key: LockKey, mode: LockMode, waitLimits: WaitLimits): Promise<Lock> {
    return runHoldingAll(this.#locks(), () => this.#source.acquire(key, mode, waitLimits))
  }

  /** One attempt: false if the lock is not free. */
  async tryAcquire(key: LockKey, mode: LockMode, scope: LockScope, waitLimits: WaitLimits): Promise<boolean> {
    const id = idOf(key)
    const hold = this.#holds.get(id)
    if (hold !== undefined) return this.#tryAgain(id, hold, mode, scope, waitLimits)
    const lock = await this.#source.tryAcquire(key, mode, waitLimits)
    if (lock === null) return false
    this.#keep(id, key, mode, scope, lock)
    return true
  }

  /**
   * Releases one acquisition for the session. Null if the client does not hold it; then nothing changes. Resolves when other
   * clients can acquire the key.
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

  /** Releases everything that the client has taken for the session. */
  async releaseAll(): Promise<void> {
    const released: Promise<void>[] = []
    for (const [id, hold] of this.#holds) {
      Object.assign(hold.counts.session, none())
      const change = this.#changed(id, hold)
      if (change !== null) released.push(change)
    }
    await Promise.all(released)
  }

  /** The number of locks that the transaction has taken so far, for a savepoint. */
  get mark(): number {
    return this.#taken?.length ?? 0
  }

  /** Releases the locks that the transaction has taken since `mark`, or all of them at its end. */
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
    // Once per key, because a lock that changes its mode cannot be released.
    await Promise.all([...changed].map(([id, hold]) => this.#changed(id, hold) ?? DONE))
  }

  /** The client has gone: releases everything at once, also locks that are still on their way to it. */
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
  #again(
    id: string,
    hold: Hold,
    mode: LockMode,
    scope: LockScope,
    waitLimits: WaitLimits,
  ): Promise<void> | null {
    if (isCovered(hold, mode)) {
      this.#count(id, hold, mode, scope)
      return null
    }
    return this.#upgrade(id, hold, scope, waitLimits)
  }

  async #upgrade(id: string, hold: Hold, scope: LockScope, waitLimits: WaitLimits): Promise<void> {
    const unwatch = this.#begin(id)
    try {
      const lock = await runHoldingAll(this.#locks(), () => this.#source.upgrade(hold.lock, waitLimits, true))
      this.#replace(id, hold, lock!, scope)
    } finally {
      this.#awaited = null
      unwatch?.()
    }
  }

  async #tryAgain(
    id: string,
    hold: Hold,
    mode: LockMode,
    scope: LockScope,
    waitLimits: WaitLimits,
  ): Promise<boolean> {
    if (isCovered(hold, mode)) {
      this.#count(id, hold, mode, scope)
      return true
    }
    const lock = await this.#source.upgrade(hold.lock, waitLimits, false)
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

  /** The count has decreased: releases or downgrades the lock if possible. Null if there is nothing to wait for. */
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

function notWatched(): null {
  return null
}

/** Ignores the outcome, because the client has gone. */
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

/** Whether the lock that the client holds already covers this mode. */
function isCovered({ lock }: Hold, mode: LockMode): boolean {
  return mode === 'shared' || lock.mode === 'exclusive'
}

/** The id of a key. Two keys exclude each other if and only if their ids are equal: a name never equals a number. */
function idOf(key: LockKey): string {
  if (typeof key === 'string') return `n${key}`
  return typeof key === 'bigint' ? String(key) : key.join(',')
}
