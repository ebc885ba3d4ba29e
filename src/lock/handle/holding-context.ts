import { AsyncLocalStorage } from 'node:async_hooks'
import { Frame, TransactionFrame, type AnyFrame, type KeysOfTransaction } from './frame.js'
import type { Lock } from './lock.js'

const storage = new AsyncLocalStorage<AnyFrame>()

/** Whether a body has run yet: programs that only call `acquire` do not pay for the lookup. */
let isInUse = false

/** The innermost frame that `runHoldingAll` provides for the call that it runs. */
let given: AnyFrame | null = null

/** The innermost body around this call; null outside of all. */
export function currentFrame(): AnyFrame | null {
  if (given !== null) return given
  return isInUse ? (storage.getStore() ?? null) : null
}

/** Runs `body` as one that holds `lock`, inside the bodies around this call. */
export function runHolding<T>(lock: Lock, body: () => T): T {
  const frame = new Frame(lock, currentFrame())
  lock.frame = frame
  isInUse = true
  return storage.run(frame, body)
}

/**
 * Makes a call as if inside bodies that hold each of these locks, whatever the order of their acquires and releases: for an
 * owner that holds locks over many calls, such as a client session of `lockpool serve`. It applies until `body` returns,
 * which is enough for a request. Keeping it for longer would cost async context in every promise: 0.7 kB for each waiting
 * client (measured).
 */
export function runHoldingAll<T>(locks: Iterable<Lock>, body: () => T): T {
  let innermost: Frame | null = null
  for (const lock of locks) {
    lock.frame ??= new Frame(lock, null)
    lock.frame.parent = innermost
    innermost = lock.frame
  }
  if (innermost === null) return body()
  const before = given
  given = innermost
  try {
    return body()
  } finally {
    given = before
  }
}

/** Runs `body` as the body of a transaction, inside the bodies around this call. */
export function runInTransaction<T>(pool: object, keys: KeysOfTransaction, body: () => T): T {
  isInUse = true
  return storage.run(new TransactionFrame(pool, keys, currentFrame()), body)
}

/**
 * Whether a body around this call holds the key, which has these local holders: by a lock, or in a transaction other than
 * that of `ownKeys`.
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

/** Whether the key was locked in that transaction. */
export function isIn({ pool, keys }: TransactionFrame, ofPool: object, keyId: string): boolean {
  return pool === ofPool && keys.has(keyId)
}

/** The frames around this call, innermost first, whose locks are still held. */
export function framesHolding(innermost: AnyFrame | null): Frame[] {
  const frames: Frame[] = []
  for (let frame = innermost; frame !== null; frame = frame.parent) {
    if (frame instanceof Frame && frame.lock.isHeld) frames.push(frame)
  }
  return frames
}
