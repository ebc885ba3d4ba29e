import type { StatementRunner } from './statement-runner.js'
import { FREE_ROWS, RAISE_FLOOR, RAISE_FLOOR_OF_MEMBERS, REMOVE_ROWS } from './tidy-sql.js'

export interface TidyLimits {
  /** The number of free rows that may stay. */
  readonly kept: number
  /** The maximum number of rows to remove at once. */
  readonly atOnce: number
}

const LIMITS: TidyLimits = { kept: 20_000, atOnce: 50_000 }

/**
 * Removes rows of free keys if there are many. A row that is created again starts above the floor, and the floor is
 * above the tokens of all removed rows. It is raised before the removal, and all members that may create rows have it
 * by then. So the tokens of a key keep growing.
 */
export async function tidyRows(runner: StatementRunner, limits: TidyLimits = LIMITS): Promise<void> {
  // Programs may make new names faster than one removal in each interval takes them away.
  // oxlint-disable-next-line no-await-in-loop -- each removal begins where the one before has ended
  while ((await removeSome(runner, limits)) >= limits.atOnce && !runner.isOver);
}

/** Returns how many rows were free. */
async function removeSome(runner: StatementRunner, { kept, atOnce }: TidyLimits): Promise<number> {
  const [free] = await runner.rows<{ keys: string; token: string }>(STATEMENTS.free, [kept, atOnce])
  if (free === undefined) return 0
  const keys = free.keys.split(' ')
  const [raised] = await runner.rowsAtLast<{ floor: string }>(STATEMENTS.floor, [free.token])
  await runner.rowsAtLast(STATEMENTS.members, [raised!.floor])
  await runner.rowsAtLast(STATEMENTS.remove, [keys, raised!.floor])
  // A member that has read rows in the meantime may have seen some that are now gone.
  const [again] = await runner.rowsAtLast<{ floor: string }>(STATEMENTS.floor, [free.token])
  await runner.rowsAtLast(STATEMENTS.members, [again!.floor])
  return keys.length
}

const STATEMENTS = {
  free: { name: 'lockpool_free_rows', text: FREE_ROWS },
  floor: { name: 'lockpool_raise_floor', text: RAISE_FLOOR },
  members: { name: 'lockpool_raise_floors', text: RAISE_FLOOR_OF_MEMBERS },
  remove: { name: 'lockpool_remove_rows', text: REMOVE_ROWS },
} as const
