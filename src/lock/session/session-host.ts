import type { Clock } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Holding, LinkSettings } from '../../dialect/dialect.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { Answer, LockOperation } from '../../dialect/lock-operation.js'
import type { PermitReply } from '../../dialect/permit-operation.js'
import type { Agenda } from '../contention/agenda.js'
import type { Departure } from './departure.js'
import type { DrawnToken } from '../handle/drawn-token.js'
import type { Session, SessionState } from './session.js'

/** A user of a session: the entry of a key, or of a semaphore. */
export interface Client {
  /** What the server should have for it, if nothing is in doubt. */
  holding(): readonly Holding[]
  lost(reason: string, cause?: Error): void
}

/** What can be rung for. */
export interface Rung {
  readonly key: KeyCode
  /** It was rung for. Whether another process was interested; if that can't be told, it may have been. */
  rang(isWanted: boolean): void
}

/** What a session carries out when the next batch leaves. */
export interface Request extends Client {
  /** It says what it asks now, if anything. */
  depart(departure: Departure): void
}

/** What the answers to a batch have in common. */
export interface Answered {
  /** When they came, on the clock. */
  readonly now: number
  /** The last arrival of a caller when the batch left. */
  readonly stamp: number
  /** Milliseconds from its departure. */
  readonly tripMs: number
}

/** The entry of a key, whose operation is on the wire. */
export interface KeyRequest extends LockOperation {
  /** Before `delayMs` no caller may be told of a grant. */
  answered(answer: Answer, token: DrawnToken | null, delayMs: number, batch: Answered): void
  /** It has not been carried out. `mayAsk`: nothing is wrong with what was asked, and it may be asked for again at once. */
  failed(error: LockError, mayAsk: boolean): void
}

/** The entry of a semaphore, whose operation is on the wire. */
export interface PermitRequest {
  replied(reply: PermitReply, batch: Answered): void
  failed(error: LockError, mayAsk: boolean): void
}

export interface SessionHost {
  readonly agenda: Agenda
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
