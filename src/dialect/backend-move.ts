import type { Clock } from '../base/clock.js'

/** The terms of `lockpool migrate-backend`, for any database. */

export interface MoveTerms<Backend> {
  readonly namespace: string
  readonly to: Backend
  /** Names the caller for people. No other process that moves may have the same name. */
  readonly by: string
  /** How long to wait for pools with the old backend to close. */
  readonly timeoutMs: number
}

/**
 * The result. `from` is null if no pool had recorded a backend. If it has not moved, nothing has changed: `inTheWay`
 * lists in words who still uses the old backend, or moves the namespace; null if the signal came first.
 */
export type MoveResult<Backend> =
  | { readonly isMoved: true; readonly from: Backend | null }
  | { readonly isMoved: false; readonly inTheWay: string | null }

/** What a move needs. */
export interface MovePorts<Connection> {
  readonly clock: Clock
  /** Ends the move. */
  readonly signal: AbortSignal
  /** Opens another connection, for putting the record back after the first one was lost. */
  reopen(): Promise<Connection>
}

/** How often a move checks whether the old backend is still in use. */
export const LOOK_EVERY_MS = 500
