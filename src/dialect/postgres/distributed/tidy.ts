import type { TidyLimits } from '../table/tidy.js'
import { COUNT_FREE, FREE_KEYS, REMOVE_ROWS } from './lease-sql.js'
import { MOST_AT_ONCE, type Runner } from './row-writer.js'
import { GATES_BELOW, RAISE_FLOOR, RAISE_FLOOR_OF_GATE } from './member-sql.js'

export const TIDY_LIMITS: TidyLimits = { kept: 20_000, atOnce: 50_000 }

/**
 * Removes rows of free keys if there are many. As with the other engine, the floor is first raised above the versions
 * of all rows to remove, and thereby above their tokens, for members that join and then for each member.
 */
export async function tidyDistributed(runner: Runner, limits: TidyLimits): Promise<void> {
  const { kept, atOnce } = limits
  const [free] = await runner.rowsAtLast<{ count: string; version: string | null }>(STATEMENTS.count, [
    atOnce,
  ])
  if (free === undefined || Number(free.count) <= kept) return
  const floor = await raiseFloor(runner, free.version!)
  for (let removed = 0; removed < atOnce; removed += MOST_AT_ONCE) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const keys = await runner.rowsAtLast<{ key: string }>(STATEMENTS.keys, [floor, MOST_AT_ONCE])
    if (keys.length === 0) break
    // oxlint-disable-next-line no-await-in-loop -- the same
    await runner.rowsAtLast(STATEMENTS.remove, [keys.map(({ key }) => key), floor])
  }
  // A member that has read rows in the meantime may have seen some that are now gone.
  await raiseFloor(runner, floor)
}

/** Returns the new floor, which all members have by then. */
async function raiseFloor(runner: Runner, least: string): Promise<string> {
  const [raised] = await runner.rowsAtLast<{ floor: string }>(STATEMENTS.floor, [least])
  const { floor } = raised!
  const gates = await runner.rowsAtLast<{ id: string }>(STATEMENTS.gates, [floor])
  for (const { id } of gates)
    // oxlint-disable-next-line no-await-in-loop -- each waits for the statements of one member
    await runner.rowsAtLast(STATEMENTS.gateFloor, [id, floor])
  return floor
}

const STATEMENTS = {
  count: { name: 'lockpool_dist_free', text: COUNT_FREE },
  keys: { name: 'lockpool_dist_free_keys', text: FREE_KEYS },
  remove: { name: 'lockpool_dist_remove_rows', text: REMOVE_ROWS },
  floor: { name: 'lockpool_dist_raise_floor', text: RAISE_FLOOR },
  gates: { name: 'lockpool_dist_gates', text: GATES_BELOW },
  gateFloor: { name: 'lockpool_dist_gate_floor', text: RAISE_FLOOR_OF_GATE },
} as const
