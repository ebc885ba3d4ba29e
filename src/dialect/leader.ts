import type { KeyCode } from './lock-key.js'

/** The record that a leader writes at its election. */
export interface LeaderRecord {
  readonly key: KeyCode
  readonly name: string
  /**
   * The fencing token of the term. It keeps a late write of an earlier leader from replacing the record of a later one.
   */
  readonly token: bigint
  /** The server's id of the session that holds the key. The record counts only while that session holds it. */
  readonly session: number
}

/**
 * The current leader according to the server. Every field is null if the leader has not recorded its name yet, or may
 * not do so.
 */
export interface LeaderInfo {
  /** The name of the leader: see `CampaignOptions.name`. */
  readonly name: string | null
  /** The fencing token of the term. */
  readonly token: bigint | null
  /** When the term began, on the clock of the server. */
  readonly since: Date | null
}
