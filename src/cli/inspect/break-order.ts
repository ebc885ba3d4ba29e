import type { WantedLocks } from './key-argument.js'

/** The order of `lockpool break`. */
export interface BreakOrder {
  readonly wanted: WantedLocks
  /** Only this one of the holders. */
  readonly pid: number | null
  /** Whether no confirmation is needed. */
  readonly isSure: boolean
  readonly isJson: boolean
  /** Asks the holders first; null ends their sessions at once. */
  readonly ask: AskOrder | null
}

export interface AskOrder {
  readonly reason: string | null
  readonly waitMs: number
  /** Whether to end the sessions that still hold it after that. */
  readonly isForced: boolean
}
