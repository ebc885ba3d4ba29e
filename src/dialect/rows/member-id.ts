import type { Random } from '../../base/random.js'
import { FIRST_MEMBER_ID } from '../member-id.js'

export { isMember } from '../member-id.js'

/** Draws an id from the whole range of exact integers, so the same id is practically never drawn twice. */
export function drawMemberId(random: Random): number {
  return FIRST_MEMBER_ID + Math.floor(random.next() * (Number.MAX_SAFE_INTEGER - FIRST_MEMBER_ID))
}
