import type { Clock } from '../base/clock.js'
import type { LockError } from '../base/errors.js'
import type { Holding } from '../dialect/dialect.js'
import type { Answer, LockOperation } from '../dialect/lock-operation.js'
import type { Session, SessionState } from './session.js'

/** What a session is asked to carry out, and who is to be told: the entry of one key. */
export interface Request extends LockOperation {
  /** What the server should have for it, if nothing is in doubt. */
  holding(): readonly Holding[]
  /** `stamp` is the last arrival of a caller when the batch left; before `delayMs` nobody may be told of a grant. */
  answered(answer: Answer, token: string | null, stamp: number, delayMs: number): void
  failed(error: LockError): void
  /** It was rung for, and nobody was interested. */
  notWanted(): void
  lost(reason: string, cause?: Error): void
}

export interface SessionHost {
  readonly clock: Clock
  readonly leaseMs: number
  /** The last arrival of a caller, to tell who came before a batch left. */
  readonly arrivals: number
  /** Whose keys `session` is used for. Asked only when something has gone wrong. */
  clientsOf(session: Session): readonly Request[]
  explain(error: unknown): LockError
  moved(session: Session, from: SessionState): void
  /** Gone, with so many locks or none. Its connection is to be thrown away. */
  lost(session: Session, reason: string, locks: number, cause?: Error): void
  warn(message: string, error?: Error): void
}
