import { printable, quoted } from './printable.js'

/**
 * Every error a caller is expected to handle. Match on `code`, which is stable across releases, never on the message.
 * Anything else that escapes is a bug of ours (`InvariantError`) or of the caller's own code.
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
  | 'POOL_EXHAUSTED'
  | 'POOL_SATURATED'
  | 'POOL_CLOSED'
  | 'POOLER_DETECTED'
  | 'CONNECTION_FAILED'
  | 'TRANSACTION_FAILED'
  | 'INVALID_OPTION'
  | 'INVALID_KEY'

/** What all errors of locks and connections have in common. */
export abstract class LockError extends Error {
  /** What went wrong, for programs. */
  abstract readonly code: LockErrorCode

  /** Whether the same call may succeed later with nothing changed by the caller. */
  abstract readonly retryable: boolean
}

/**
 * What a caller was waiting for when its time ran out: `queueing` behind others of this process, `connecting` to the
 * server, or `locking`, that is for another process to give the lock up.
 */
export type AcquirePhase = 'queueing' | 'connecting' | 'locking'

/** Not acquired in time, and certainly not held. `cause` is the last connection failure, if there was one. */
export class LockTimeoutError extends LockError {
  static {
    this.prototype.name = 'LockTimeoutError'
  }

  readonly code = 'LOCK_TIMEOUT'
  readonly retryable = true
  /** What was asked for, as it is shown to people. */
  readonly key: string
  /** What was waited for. */
  readonly phase: AcquirePhase
  /** How long, in milliseconds. */
  readonly waitedMs: number
  /** Who has it, in words, if the server could say so. */
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
  locking: 'the server did not grant it, and nobody could be named who holds it',
}

/** Held once, no longer, and not by a release. Whatever the lock guarded may be in someone else's hands by now. */
export class LockLostError extends LockError {
  static {
    this.prototype.name = 'LockLostError'
  }

  readonly code = 'LOCK_LOST'
  readonly retryable = false
  /** What was held, as it is shown to people. */
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

/** One who waits in a circle: what it holds, and what it waits for. */
export interface DeadlockStep {
  /** Which process, in words. */
  readonly process: string
  /** Null for a writer that holds nothing of the circle: a reader waits for it because it came first. */
  readonly holds: string | null
  /** The key. */
  readonly waitsFor: string
}

/**
 * Not acquired, because those who have it wait, directly or through others, for what this caller holds. The others go on
 * when the caller gives that up; then the same may be tried again.
 */
export class LockDeadlockError extends LockError {
  static {
    this.prototype.name = 'LockDeadlockError'
  }

  readonly code = 'LOCK_DEADLOCK'
  readonly retryable = true
  /** What was asked for, as it is shown to people. */
  readonly key: string
  /** The circle: each waits for what the next one holds, and the last for what the first one holds, who is the caller. */
  readonly cycle: readonly DeadlockStep[]

  constructor(details: { key: string; circle: readonly DeadlockStep[] }, options?: ErrorOptions) {
    super(
      `waiting for ${details.key} would never end: ${details.circle.map(stepInWords).join('; ')}`,
      options,
    )
    this.key = details.key
    this.cycle = details.circle
  }
}

function stepInWords({ process, holds, waitsFor }: DeadlockStep): string {
  const who = printable(process)
  if (holds === null) return `${who} waits for ${quoted(waitsFor)} before it`
  return `${who} holds ${quoted(holds)} and waits for ${quoted(waitsFor)}`
}

/** The body that asks holds the key already, and would wait for itself. */
export class LockReentryError extends LockError {
  static {
    this.prototype.name = 'LockReentryError'
  }

  readonly code = 'LOCK_REENTRY'
  readonly retryable = false
  /** What was asked for, as it is shown to people. */
  readonly key: string

  constructor(key: string) {
    super(`${key} is held by the body that asks for it: it would wait for itself`)
    this.key = key
  }
}

/** The pool's share of the server's lock table, its `maxHeldLocks`, or the table itself is used up. Nothing was taken. */
export class LockTableFullError extends LockError {
  static {
    this.prototype.name = 'LockTableFullError'
  }

  readonly code = 'LOCK_TABLE_FULL'
  readonly retryable = true
}

/**
 * A fencing token was asked for, and this pool has none: `fencing` is off, or the role may not create or use the sequence.
 * Or a guard was, where there is no table to keep its tokens in.
 */
export class FencingUnavailableError extends LockError {
  static {
    this.prototype.name = 'FencingUnavailableError'
  }

  readonly code = 'FENCING_UNAVAILABLE'
  readonly retryable = false
}

/**
 * The holder of a lock must not write any more: a later holder has been at the resource, or the lock was given back. The
 * transaction is to be rolled back.
 */
export class StaleTokenError extends LockError {
  static {
    this.prototype.name = 'StaleTokenError'
  }

  readonly code = 'STALE_TOKEN'
  readonly retryable = false
}

/**
 * The pool is to be strict, and can't keep its marks: they are not installed, or the role may not write them; or, and then it
 * may be tried again, somebody's statement has their table locked.
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

/** No connection was free, and the pool was told not to wait (`onExhausted`), or its retries are used up. */
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

/** The pool is closed or closing. Callers who wait are told at once. */
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

/** Something between us and the server hands our statements to more than one server session, which breaks locks. */
export class PoolerDetectedError extends LockError {
  static {
    this.prototype.name = 'PoolerDetectedError'
  }

  readonly code = 'POOLER_DETECTED'
  readonly retryable = false
}

/** The server can't be reached, refuses, or will not do. The driver's error is the `cause`. */
export class ConnectionError extends LockError {
  static {
    this.prototype.name = 'ConnectionError'
  }

  readonly code = 'CONNECTION_FAILED'
  readonly retryable: boolean
  /**
   * When another try makes sense, in milliseconds, if what the server says tells that: it starts, stops, or is a standby that
   * may be about to be promoted. Null if it does not.
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
 * The body of a transaction succeeded, and the transaction did not: it had failed before, and the body swallowed the
 * error; or the answer to COMMIT was lost (`isUnknown`), and nobody can say whether it is committed.
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

/** What was given cannot be a lock key. */
export class InvalidKeyError extends LockError {
  static {
    this.prototype.name = 'InvalidKeyError'
  }

  readonly code = 'INVALID_KEY'
  readonly retryable = false
}
