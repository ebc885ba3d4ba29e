import type { Clock } from '../base/clock.js'
import type { LockError } from '../base/errors.js'
import type { Holding, LinkSettings } from '../dialect/dialect.js'
import type { KeyCode } from '../dialect/lock-key.js'
import type { Answer, LockOperation } from '../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../dialect/permit-operation.js'
import type { DrawnToken } from './drawn-token.js'
import type { Session, SessionState } from './session.js'

/** Somebody with something on a session: the entry of a key, or of a semaphore. */
export interface Client {
  /** What the server should have for it, if nothing is in doubt. What is still unsent has changed nothing there yet. */
  holding(isUnsent: boolean): readonly Holding[]
  lost(reason: string, cause?: Error): void
}

/** What can be rung for. */
export interface Rung {
  readonly key: KeyCode
  /** It was rung for. Whether anybody was interested; if that can't be told, somebody may have been. */
  rang(isWanted: boolean): void
}

/** What a session is asked to carry out about one key, and who is to be told: its entry. */
export interface Request extends LockOperation, Client, Rung {
  /** `stamp` is the last arrival of a caller when the batch left, `now` when its answer came; before `delayMs` nobody may be told of a grant. */
  answered(answer: Answer, token: DrawnToken | null, stamp: number, now: number, delayMs: number): void
  /** It has not been carried out. `mayAsk`: nothing is wrong with what was asked, and it may be asked for again at once. */
  failed(error: LockError, mayAsk: boolean): void
}

/** A semaphore's entry that has something to ask. */
export interface PermitRequest extends Client {
  /** It is its turn: what it asks now; null if there is nothing any more. */
  depart(session: Session): PermitOperation | null
  replied(reply: PermitReply): void
  failed(error: LockError, mayAsk: boolean): void
}

export interface SessionHost {
  readonly clock: Clock
  /** Whether locks are to have tokens, and are to be told of only when no holder elsewhere can believe to have them. */
  readonly wants: Pick<LinkSettings, 'fencing' | 'strict'>
  /** The last arrival of a caller, to tell who came before a batch left. */
  readonly arrivals: number
  /** Whose keys `session` is used for. Asked only when something has gone wrong. */
  clientsOf(session: Session): readonly Client[]
  explain(error: unknown): LockError
  moved(session: Session, from: SessionState): void
  /** Gone, with so many locks or none. Its connection is to be thrown away. */
  lost(session: Session, reason: string, locks: number, cause?: Error): void
  warn(message: string, error?: Error): void
  /** There are no tokens, and why, or there are again. */
  tokensChanged(noFencing: string | null): void
}
