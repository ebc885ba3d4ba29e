import type { StatementRunner } from './statement-runner.js'
import { FREE_ROWS, RAISE_FLOOR, RAISE_FLOOR_OF_MEMBERS, REMOVE_ROWS } from './tidy-sql.js'

export interface TidyLimits {
  /** So many rows of keys that nobody has may stay. */
  readonly kept: number
  /** So many are removed at once, at most. */
  readonly atOnce: number
}

const LIMITS: TidyLimits = { kept: 20_000, atOnce: 50_000 }

/**
 * Removes rows of keys that nobody has, if there are many. A row that is made anew begins above the floor, and the floor is
 * above the tokens of all rows that were removed: it is raised first, and everybody who may make rows has it by then. So the
 * tokens of a key grow on.
 */
export async function tidyRows(
  runner: StatementRunner,
  { kept, atOnce }: TidyLimits = LIMITS,
): Promise<void> {
  const [free] = await runner.rows<{ keys: string; token: string }>(STATEMENTS.free, [kept, atOnce])
  if (free === undefined) return
  const [raised] = await runner.rowsAtLast<{ floor: string }>(STATEMENTS.floor, [free.token])
  await runner.rowsAtLast(STATEMENTS.members, [raised!.floor])
  await runner.rowsAtLast(STATEMENTS.remove, [free.keys.split(' '), raised!.floor])
  // Who has looked meanwhile may have seen rows that are gone by now.
  const [again] = await runner.rowsAtLast<{ floor: string }>(STATEMENTS.floor, [free.token])
  await runner.rowsAtLast(STATEMENTS.members, [again!.floor])
}

const STATEMENTS = {
  free: { name: 'lockpool_free_rows', text: FREE_ROWS },
  floor: { name: 'lockpool_raise_floor', text: RAISE_FLOOR },
  members: { name: 'lockpool_raise_floors', text: RAISE_FLOOR_OF_MEMBERS },
  remove: { name: 'lockpool_remove_rows', text: REMOVE_ROWS },
} as const
