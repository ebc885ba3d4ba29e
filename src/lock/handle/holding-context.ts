import { AsyncLocalStorage } from 'node:async_hooks'
import type { Lock } from './lock.js'
import type { FramedWait } from '../deadlock/framed-wait.js'

/**
 * A body that runs while a lock is held, as `withLock` runs it. It is what tells who holds a lock: whatever is asked for
 * inside, at any depth, the lock waits for. A bare `acquire` gives no such knowledge, because the code after it and the
 * code beside it can't be told apart.
 */
export class Frame {
  readonly lock: Lock
  parent: AnyFrame | null
  /** Those inside who wait for another lock. Made when there is one: most bodies wait for nothing. */
  waits: Set<FramedWait> | null = null

  constructor(lock: Lock, parent: AnyFrame | null) {
    this.lock = lock
    this.parent = parent
  }
}

/** The ids of keys that a transaction has locked so far. None any more when it is over. */
export interface KeysOfTransaction {
  has(keyId: string): boolean
}

/**
 * A body that runs in a transaction, as `transaction` runs it. What it has locked there is held for as long as the body
 * runs, on another connection than those of lock sessions: whoever asks for it inside waits for itself.
 */
export class TransactionFrame {
  /** Whose keys they are: other pools may have other namespaces, or another server. */
  readonly pool: object
  readonly keys: KeysOfTransaction
  readonly parent: AnyFrame | null

  constructor(pool: object, keys: KeysOfTransaction, parent: AnyFrame | null) {
    this.pool = pool
    this.keys = keys
    this.parent = parent
  }
}

/** What may be around a call. */
export type AnyFrame = Frame | TransactionFrame

const storage = new AsyncLocalStorage<AnyFrame>()

/** Until a body has run there is nothing to look for: programs that only call `acquire` do not pay for the looking. */
let isInUse = false

/** The innermost body this is called in; null outside of all. */
export function currentFrame(): AnyFrame | null {
  return isInUse ? (storage.getStore() ?? null) : null
}

/** Runs `body` as one that holds `lock`, inside those that this is called in. */
export function runHolding<T>(lock: Lock, body: () => T): T {
  const frame = new Frame(lock, currentFrame())
  lock.frame = frame
  isInUse = true
  return storage.run(frame, body)
}

/**
 * Runs `body` as one inside of bodies that hold each of these locks, in whatever order they were taken and are given back:
 * for whoever holds locks over many calls, as a client session of `lockpool serve` does.
 */
export function runHoldingAll<T>(locks: Iterable<Lock>, body: () => T): T {
  let innermost: Frame | null = null
  for (const lock of locks) {
    lock.frame ??= new Frame(lock, null)
    lock.frame.parent = innermost
    innermost = lock.frame
  }
  if (innermost === null) return body()
  isInUse = true
  return storage.run(innermost, body)
}

/** Runs `body` as that of a transaction, inside those that this is called in. */
export function runTransacting<T>(pool: object, keys: KeysOfTransaction, body: () => T): T {
  isInUse = true
  return storage.run(new TransactionFrame(pool, keys, currentFrame()), body)
}

/**
 * Whether a body around this call holds the key, which has these holders in this process: by a lock, or in a transaction
 * other than that of `ownKeys`.
 */
export function isHeldAround(
  pool: object,
  keyId: string,
  holders: readonly Lock[],
  ownKeys: KeysOfTransaction | null,
): boolean {
  for (let frame = currentFrame(); frame !== null; frame = frame.parent) {
    if (frame instanceof Frame && holders[frame.lock.place] === frame.lock) return true
    if (frame instanceof TransactionFrame && frame.keys !== ownKeys && isIn(frame, pool, keyId)) return true
  }
  return false
}

/** Whether it was locked in that transaction. */
export function isIn({ pool, keys }: TransactionFrame, ofPool: object, keyId: string): boolean {
  return pool === ofPool && keys.has(keyId)
}

/** The frames around, from the inside, whose locks are still held. */
export function framesHolding(innermost: AnyFrame | null): Frame[] {
  const frames: Frame[] = []
  for (let frame = innermost; frame !== null; frame = frame.parent) {
    if (frame instanceof Frame && frame.lock.isHeld) frames.push(frame)
  }
  return frames
}
