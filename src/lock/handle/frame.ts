/** A lock that a body holds. */
interface FramedLock {
  readonly isHeld: boolean
  /** Where its keeper keeps it. */
  readonly place: number
}

/**
 * A body that runs while a lock is held, as `withLock` runs it. It is what tells who holds a lock: whatever is asked for
 * inside, at any depth, the lock waits for. A bare `acquire` gives no such knowledge, because the code after it and the
 * code beside it can't be told apart.
 */
export class Frame {
  readonly lock: FramedLock
  parent: AnyFrame | null
  /** Those inside who wait for another lock. Made when there is one: most bodies wait for nothing. */
  waits: Set<object> | null = null

  constructor(lock: FramedLock, parent: AnyFrame | null) {
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
