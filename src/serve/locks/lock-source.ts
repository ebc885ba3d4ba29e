import type { Lock } from '../../lock/handle/lock.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'

/** How long a client is ready to wait. */
export interface Patience {
  /** In milliseconds. Infinity waits forever. */
  readonly timeoutMs: number
  /** Ends the wait: a cancel, or the client has gone. */
  readonly signal: AbortSignal
  /** Whom the lock is for, as it is shown with its holder. */
  readonly label: string
}

/** Where locks come from: a `LockPool`. */
export interface LockSource {
  acquire(key: LockKey, mode: LockMode, patience: Patience): Promise<Lock>
  /** Null if it is not free. */
  tryAcquire(key: LockKey, mode: LockMode, patience: Patience): Promise<Lock | null>
  /** Makes a shared lock exclusive: the one that takes its place. Null if it must not wait, and others read as well. */
  upgrade(lock: Lock, patience: Patience, mayWait: boolean): Promise<Lock | null>
  /** Makes an exclusive lock shared; null if that is not possible here, and then it stays as it is. */
  downgrade(lock: Lock): Promise<Lock> | null
}
