import type { Random } from '../../base/random.js'

/** Process ids of a server are below. */
const FIRST_ID = 2 ** 32

/** As exact as a number can be, and never drawn twice. */
export function drawMemberId(random: Random): number {
  return FIRST_ID + Math.floor(random.next() * (Number.MAX_SAFE_INTEGER - FIRST_ID))
}

/** Whether what stands where a process id does is a member. */
export function isMember(id: number): boolean {
  return id >= FIRST_ID
}
