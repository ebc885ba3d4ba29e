import type { KeyCode } from './lock-key.js'

/** The record that a leader writes at its election. */
export interface LeaderRecord {
  readonly key: KeyCode
  readonly name: string
  /** A late older leader must not overwrite a newer one. */
  readonly token: bigint
  /** What the server calls the session that holds the key: the record counts only while that one does. */
  readonly session: number
}

/**
 * The leader, as the server knows it. Every field is null if the leader has not published its name yet, or lacks permission
 * to.
 */
export interface LeaderInfo {
  /** The name of the leader: see `CampaignOptions.name`. */
  readonly name: string | null
  /** The fencing token of the term. */
  readonly token: bigint | null
  /** By the clock of the server. */
  readonly since: Date | null
}
