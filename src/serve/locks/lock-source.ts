import type { Lock } from '../../lock/handle/lock.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'

/** How long a client waits, and what ends the wait. */
export interface WaitLimits {
  /** Milliseconds. Infinity waits forever. */
  readonly timeoutMs: number
  /** Ends the wait: the client cancels, or has gone. */
  readonly signal: AbortSignal
  /** The client that the lock is for, as it is shown with its holder. */
  readonly label: string
}

/** The source of locks: a `LockPool`. */
export interface LockSource {
  acquire(key: LockKey, mode: LockMode, waitLimits: WaitLimits): Promise<Lock>
  /** Null if the lock is not free. */
  tryAcquire(key: LockKey, mode: LockMode, waitLimits: WaitLimits): Promise<Lock | null>
  /** Replaces a shared lock by an exclusive one. Null if it must not wait, and there are other readers. */
  upgrade(lock: Lock, waitLimits: WaitLimits, mayWait: boolean): Promise<Lock | null>
  /** Replaces an exclusive lock by a shared one. Null if the backend cannot do that; then the lock stays as it is. */
  downgrade(lock: Lock): Promise<Lock> | null
}
