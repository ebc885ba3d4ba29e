import type { PlaceStore } from '../../rows/settle.js'
import { BELIEVED, CALL_SETTLE, currentPlace } from './member-sql.js'
import type { StatementRunner } from './statement-runner.js'

/** Each server, and each cluster, counts as a timeline. */
export function placeStore(runner: StatementRunner, place: string): PlaceStore {
  const settle = async (where: string): Promise<void> => void (await runner.callAtLast(CALL_SETTLE, [where]))
  return {
    current: async () => String((await runner.rows(currentPlace(place), []))[0]![0]),
    believed: async () => {
      const [where, longest] = (await runner.rows(BELIEVED, []))[0]!
      return { timeline: where === null ? null : String(where), longestLeaseMs: Number(longest) }
    },
    begin: settle,
    settle,
  }
}
