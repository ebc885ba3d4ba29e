import type { Random } from '../../base/random.js'

/** The pids of a server are below this. */
const FIRST_ID = 2 ** 32

/** Draws an id from the whole range of exact integers, so the same id is practically never drawn twice. */
export function drawMemberId(random: Random): number {
  return FIRST_ID + Math.floor(random.next() * (Number.MAX_SAFE_INTEGER - FIRST_ID))
}

/** Whether an id in the place of a pid belongs to a member. */
export function isMember(id: number): boolean {
  return id >= FIRST_ID
}
