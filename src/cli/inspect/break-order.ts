import type { WantedLocks } from './key-argument.js'

/** The order of `lockpool break`. */
export interface BreakOrder {
  readonly wanted: WantedLocks
  /** Only this one of the holders. */
  readonly pid: number | null
  /** No confirmation is needed. */
  readonly isSure: boolean
  readonly isJson: boolean
  /** First the holders are asked to release it; null to end their sessions at once. */
  readonly ask: AskOrder | null
}

export interface AskOrder {
  readonly reason: string | null
  readonly waitMs: number
  /** Whether the sessions are ended that still hold it after that. */
  readonly isForced: boolean
}
