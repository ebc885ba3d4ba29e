import type { KeyCode } from './lock-key.js'

/** What a leader has written down about itself at its election. */
export interface LeaderRecord {
  readonly key: KeyCode
  readonly name: string
  /** An older leader that is late must not write over a newer one. */
  readonly token: bigint
  /** What the server calls the session that holds the key: the record counts only while that one does. */
  readonly session: number
}

/**
 * Who leads, as the server knows it. All is null while somebody leads who has not written its name down: not yet, or it has
 * no right to.
 */
export interface LeaderInfo {
  /** What the leader calls itself: see `CampaignOptions.name`. */
  readonly name: string | null
  /** The fencing token of the term. */
  readonly token: bigint | null
  /** By the clock of the server. */
  readonly since: Date | null
}
