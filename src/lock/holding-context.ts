import { AsyncLocalStorage } from 'node:async_hooks'
import type { Lock } from './lock.js'
import type { FramedWait } from './deadlock/framed-wait.js'

/**
 * A body that runs while a lock is held, as `withLock` runs it. It is what tells who holds a lock: whatever is asked for
 * inside, at any depth, the lock waits for. A bare `acquire` gives no such knowledge, because the code after it and the
 * code beside it can't be told apart.
 */
export class Frame {
  readonly lock: Lock
  readonly parent: Frame | null
  /** Those inside who wait for another lock. Made when there is one: most bodies wait for nothing. */
  waits: Set<FramedWait> | null = null

  constructor(lock: Lock, parent: Frame | null) {
    this.lock = lock
    this.parent = parent
  }
}

const storage = new AsyncLocalStorage<Frame>()

/** Until a body has run there is nothing to look for: programs that only call `acquire` do not pay for the looking. */
let isInUse = false

/** The innermost body this is called in; null outside of all. */
export function currentFrame(): Frame | null {
  return isInUse ? (storage.getStore() ?? null) : null
}

/** Runs `body` as one that holds `lock`, inside those that this is called in. */
export function runHolding<T>(lock: Lock, body: () => T): T {
  const frame = new Frame(lock, currentFrame())
  lock.frame = frame
  isInUse = true
  return storage.run(frame, body)
}

/** The frames around, from the inside, whose locks are still held. */
export function framesHolding(innermost: Frame | null): Frame[] {
  const frames: Frame[] = []
  for (let frame = innermost; frame !== null; frame = frame.parent) {
    if (frame.lock.isHeld) frames.push(frame)
  }
  return frames
}
