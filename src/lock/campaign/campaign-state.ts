/**
 * - `standing`  waits for the key, with no connection
 * - `leading`   has it: a term is on
 * - `leaving`   the term is over, and its work is given time to stop; whoever stepped down or resigned still has the key
 * - `resting`   could not stand because the server is away, or has just stepped down; stands again in a while
 * - `ended`     resigned, aborted, or the pool was closed
 */
export type CampaignState = 'standing' | 'leading' | 'leaving' | 'resting' | 'ended'

/**
 * Every legal move. What is missing says it: nobody comes back to `leading` but by standing, so that leadership that was
 * lost can't be had again without a new term and a greater token; and nobody stops leading but by `leaving`.
 */
export const CAMPAIGN_MOVES: Readonly<Record<CampaignState, readonly CampaignState[]>> = {
  standing: ['leading', 'resting', 'ended'],
  leading: ['leaving'],
  leaving: ['standing', 'resting', 'ended'],
  resting: ['standing', 'ended'],
  ended: [],
}
