/**
 * - `standing`  waits for the key, without a connection
 * - `leading`   has the key: a term is on
 * - `leaving`   the term is over, and its work gets time to stop; after a hand-over this process still has the key
 * - `resting`   could not wait for the key because the server is unavailable, or has just stepped down; tries again later
 * - `ended`     resigned, aborted, or the pool was closed
 */
export type CampaignState = 'standing' | 'leading' | 'leaving' | 'resting' | 'ended'

/**
 * Every legal move. The missing ones matter: `leading` follows only `standing`, so leadership that was lost cannot return
 * without a new term and a greater token. And `leading` ends only with `leaving`.
 */
export const CAMPAIGN_MOVES: Readonly<Record<CampaignState, readonly CampaignState[]>> = {
  standing: ['leading', 'resting', 'ended'],
  leading: ['leaving'],
  leaving: ['standing', 'resting', 'ended'],
  resting: ['standing', 'ended'],
  ended: [],
}
