/** The pids of a server are below this, and the ids of members are not. */
export const FIRST_MEMBER_ID: number = 2 ** 32

/** Whether an id in the place of a pid belongs to a member. */
export function isMember(id: number): boolean {
  return id >= FIRST_MEMBER_ID
}
