import { printable, quoted } from './printable.js'

/**
 * Every error a caller is expected to handle. Match on `code`, which is stable across releases, never on the message.
 * Anything else that escapes is a bug in lockpool (`InvariantError`) or in the caller's own code.
 */
export type LockErrorCode =
  | 'LOCK_TIMEOUT'
  | 'LOCK_LOST'
  | 'LOCK_DEADLOCK'
  | 'LOCK_REENTRY'
  | 'LOCK_TABLE_FULL'
  | 'FENCING_UNAVAILABLE'
  | 'STALE_TOKEN'
  | 'STRICT_UNAVAILABLE'
  | 'MODE_UNSUPPORTED'
  | 'BACKEND_MISMATCH'
  | 'POOL_EXHAUSTED'
  | 'POOL_SATURATED'
  | 'POOL_CLOSED'
  | 'POOLER_DETECTED'
  | 'CONNECTION_FAILED'
  | 'TRANSACTION_FAILED'
  | 'INVALID_OPTION'
  | 'INVALID_KEY'

/** The base of all errors of locks and connections. */
export abstract class LockError extends Error {
  /** What went wrong, for programs. */
  abstract readonly code: LockErrorCode

  /** Whether the same call may succeed later with nothing changed by the caller. */
  abstract readonly retryable: boolean
}

/**
 * What a caller was waiting for when its time ran out: `queueing` behind others of this process, `connecting` to the server,
 * or `locking`: waiting for another process to release the lock.
 */
export type AcquirePhase = 'queueing' | 'connecting' | 'locking'

/** Not acquired in time, and certainly not held. `cause` is the last connection failure, if there was one. */
export class LockTimeoutError extends LockError {
  static {
    this.prototype.name = 'LockTimeoutError'
  }

  readonly code = 'LOCK_TIMEOUT'
  readonly retryable = true
  /** The key, as text for people. */
  readonly key: string
  /** What the caller was waiting for. */
  readonly phase: AcquirePhase
  /** How long it waited, in milliseconds. */
  readonly waitedMs: number
  /** The holder, in words, if the server could name it. */
  readonly holder: string | null

  constructor(
    details: { key: string; phase: AcquirePhase; waitedMs: number; holder?: string | null },
    options?: ErrorOptions,
  ) {
    const holder = details.holder ?? null
    const why = holder === null ? PHASES[details.phase] : `held by ${holder}`
    super(`${details.key} was not acquired in ${Math.round(details.waitedMs)} ms (${why})`, options)
    this.key = details.key
    this.phase = details.phase
    this.waitedMs = details.waitedMs
    this.holder = holder
  }
}

const PHASES: Readonly<Record<AcquirePhase, string>> = {
  queueing: 'queueing in this process',
  connecting: 'connecting to the server',
  locking: 'another session holds it, and the server could not name it',
}

/** The lock was held, and ended without a release. Another holder may be working on what it guarded by now. */
export class LockLostError extends LockError {
  static {
    this.prototype.name = 'LockLostError'
  }

  readonly code = 'LOCK_LOST'
  readonly retryable = false
  /** The key, as text for people. */
  readonly key: string
  /** How long it was held before the loss was known, in milliseconds. */
  readonly heldMs: number
  /** Why, in words. */
  readonly reason: string

  constructor(details: { key: string; heldMs: number; reason: string }, options?: ErrorOptions) {
    super(`${details.key} was lost after ${Math.round(details.heldMs)} ms: ${details.reason}`, options)
    this.key = details.key
    this.heldMs = details.heldMs
    this.reason = details.reason
  }
}

/** One waiter of a cycle: what it holds, and what it waits for. */
export interface DeadlockStep {
  /** The process, in words. */
  readonly process: string
  /** Null for a writer that holds none of the locks: a reader waits behind it because it came first. */
  readonly holds: string | null
  /** The key. */
  readonly waitsFor: string
}

/**
 * Not acquired: the holders wait, directly or through others, for a lock that this caller holds. They continue once the
 * caller releases that lock; then the same call may be tried again.
 */
export class LockDeadlockError extends LockError {
  static {
    this.prototype.name = 'LockDeadlockError'
  }

  readonly code = 'LOCK_DEADLOCK'
  readonly retryable = true
  /** The key, as text for people. */
  readonly key: string
  /** The cycle, starting with the caller: each waits for a lock of the next, and the last for a lock of the caller. */
  readonly cycle: readonly DeadlockStep[]

  constructor(details: { key: string; cycle: readonly DeadlockStep[] }, options?: ErrorOptions) {
    super(`waiting for ${details.key} would never end: ${details.cycle.map(stepInWords).join('; ')}`, options)
    this.key = details.key
    this.cycle = details.cycle
  }
}

function stepInWords({ process, holds, waitsFor }: DeadlockStep): string {
  const who = printable(process)
  if (holds === null) return `${who} waits for ${quoted(waitsFor)} before it`
  return `${who} holds ${quoted(holds)} and waits for ${quoted(waitsFor)}`
}

/** The enclosing body holds the key already, and the call would wait for itself. */
export class LockReentryError extends LockError {
  static {
    this.prototype.name = 'LockReentryError'
  }

  readonly code = 'LOCK_REENTRY'
  readonly retryable = false
  /** The key, as text for people. */
  readonly key: string

  constructor(key: string) {
    super(
      `${key} is already held by the enclosing withLock() or transaction body; the call would wait for itself`,
    )
    this.key = key
  }
}

/** The pool's share of the server's lock table (`maxHeldLocks`), or the table itself, is full. Nothing was acquired. */
export class LockTableFullError extends LockError {
  static {
    this.prototype.name = 'LockTableFullError'
  }

  readonly code = 'LOCK_TABLE_FULL'
  readonly retryable = true
}

/**
 * The pool has no fencing tokens: `fencing` is off, or the role may neither create nor use the sequence. Or there is no
 * table for the tokens of a guard.
 */
export class FencingUnavailableError extends LockError {
  static {
    this.prototype.name = 'FencingUnavailableError'
  }

  readonly code = 'FENCING_UNAVAILABLE'
  readonly retryable = false
}

/**
 * The holder of a lock must not write any more: a later holder has written, or the lock was released. Roll the transaction
 * back.
 */
export class StaleTokenError extends LockError {
  static {
    this.prototype.name = 'StaleTokenError'
  }

  readonly code = 'STALE_TOKEN'
  readonly retryable = false
}

/**
 * The pool is strict and cannot write its hold records: the table is not installed, or the role may not write it. If another
 * statement has the table locked, the call may be tried again.
 */
export class StrictUnavailableError extends LockError {
  static {
    this.prototype.name = 'StrictUnavailableError'
  }

  readonly code = 'STRICT_UNAVAILABLE'
  readonly retryable: boolean

  constructor(message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options)
    this.retryable = options?.retryable ?? false
  }
}

/** The caller asked for a mode that the backend does not have. The message says which backend has it. */
export class ModeUnsupportedError extends LockError {
  static {
    this.prototype.name = 'ModeUnsupportedError'
  }

  readonly code = 'MODE_UNSUPPORTED'
  readonly retryable = false
}

/** Another pool keeps the locks of this namespace in another way: the two would not exclude each other. */
export class BackendMismatchError extends LockError {
  static {
    this.prototype.name = 'BackendMismatchError'
  }

  readonly code = 'BACKEND_MISMATCH'
  /** Whether the namespace is moving from one backend to the other at this moment. */
  readonly retryable: boolean

  constructor(message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options)
    this.retryable = options?.retryable ?? false
  }
}

/** No connection was free, and `onExhausted` says not to wait, or its retries are used up. */
export class PoolExhaustedError extends LockError {
  static {
    this.prototype.name = 'PoolExhaustedError'
  }

  readonly code = 'POOL_EXHAUSTED'
  readonly retryable = true
}

/** `maxWaiting` callers already wait. */
export class PoolSaturatedError extends LockError {
  static {
    this.prototype.name = 'PoolSaturatedError'
  }

  readonly code = 'POOL_SATURATED'
  readonly retryable = true

  constructor(maxWaiting: number) {
    super(`${maxWaiting} callers already wait (maxWaiting)`)
  }
}

/** The pool is closed or closing. Waiting callers get this error at once. */
export class PoolClosedError extends LockError {
  static {
    this.prototype.name = 'PoolClosedError'
  }

  readonly code = 'POOL_CLOSED'
  readonly retryable = false

  constructor(message = 'the pool is closed') {
    super(message)
  }
}

/** A pooler between this process and the server spreads statements over several server sessions, which breaks locks. */
export class PoolerDetectedError extends LockError {
  static {
    this.prototype.name = 'PoolerDetectedError'
  }

  readonly code = 'POOLER_DETECTED'
  readonly retryable = false
}

/** The server cannot be reached, refuses the connection, or is not suitable. The driver's error is the `cause`. */
export class ConnectionError extends LockError {
  static {
    this.prototype.name = 'ConnectionError'
  }

  readonly code = 'CONNECTION_FAILED'
  readonly retryable: boolean
  /**
   * When another attempt makes sense, in milliseconds, if the server's answer indicates it: it is starting, stopping, or a
   * standby that may soon be promoted. Otherwise null.
   */
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    options?: ErrorOptions & { retryable?: boolean; retryAfterMs?: number | null },
  ) {
    super(message, options)
    this.retryable = options?.retryable ?? true
    this.retryAfterMs = options?.retryAfterMs ?? null
  }
}

/**
 * The body of a transaction succeeded, but the transaction did not. A statement had failed and the body swallowed the
 * error; or the body sent COMMIT or ROLLBACK itself; or the answer to COMMIT was lost. In the last two cases it may be
 * committed or not (`isUnknown`). Also: a client has no transaction open for a lock or a guard.
 */
export class TransactionFailedError extends LockError {
  static {
    this.prototype.name = 'TransactionFailedError'
  }

  readonly code = 'TRANSACTION_FAILED'
  readonly retryable = false
  /** Whether it may have been committed all the same. */
  readonly isUnknown: boolean

  constructor(message: string, isUnknown: boolean, options?: ErrorOptions) {
    super(message, options)
    this.isUnknown = isUnknown
  }
}

/** Every unknown or wrong option, all at once. */
export class InvalidOptionError extends LockError {
  static {
    this.prototype.name = 'InvalidOptionError'
  }

  readonly code = 'INVALID_OPTION'
  readonly retryable = false
  /** One sentence for each. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/** The value cannot be a lock key. */
export class InvalidKeyError extends LockError {
  static {
    this.prototype.name = 'InvalidKeyError'
  }

  readonly code = 'INVALID_KEY'
  readonly retryable = false
}
