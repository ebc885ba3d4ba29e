import { AsyncLocalStorage } from 'node:async_hooks'
import { Frame, TransactionFrame, type AnyFrame, type KeysOfTransaction } from './frame.js'
import type { Lock } from './lock.js'

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
