/** A lock that a body holds. */
interface FramedLock {
  readonly isHeld: boolean
  /** The index at its keeper. */
  readonly place: number
}

/**
 * A body that runs while a lock is held, in `withLock`. It shows which code holds a lock: the lock waits for every
 * request inside the body, at any depth. A bare `acquire` shows nothing, because the code after it cannot be distinguished
 * from unrelated code.
 */
export class Frame {
  readonly lock: FramedLock
  parent: AnyFrame | null
  /** The waits inside the body for other locks. Created with the first one: most bodies wait for nothing. */
  waits: Set<object> | null = null

  constructor(lock: FramedLock, parent: AnyFrame | null) {
    this.lock = lock
    this.parent = parent
  }
}

/** The ids of keys that a transaction has locked so far; empty when it is over. */
export interface KeysOfTransaction {
  has(keyId: string): boolean
}

/**
 * A body that runs in a transaction, in `transaction`. Its keys are held while the body runs, on a connection that is not
 * a lock session: a request inside for one of them would wait for itself.
 */
export class TransactionFrame {
  /** The pool, because other pools may have other namespaces, or another server. */
  readonly pool: object
  readonly keys: KeysOfTransaction
  readonly parent: AnyFrame | null

  constructor(pool: object, keys: KeysOfTransaction, parent: AnyFrame | null) {
    this.pool = pool
    this.keys = keys
    this.parent = parent
  }
}

/** The frames that may be around a call. */
export type AnyFrame = Frame | TransactionFrame
