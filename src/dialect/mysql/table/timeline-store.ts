import type { TimelineStore } from '../../rows/timeline-to-join.js'
import { BELIEVED, CALL_CHANGE_TIMELINE, currentPlace } from './member-sql.js'
import type { StatementRunner } from './statement-runner.js'

/** Each server, and each cluster, counts as a timeline. */
export function timelineStore(runner: StatementRunner, place: string): TimelineStore {
  const changeTimeline = async (where: string): Promise<void> =>
    void (await runner.callAtLast(CALL_CHANGE_TIMELINE, [where]))
  return {
    current: async () => String((await runner.rows(currentPlace(place), []))[0]![0]),
    believed: async () => {
      const [where, longest] = (await runner.rows(BELIEVED, []))[0]!
      return { timeline: where === null ? null : String(where), longestLeaseMs: Number(longest) }
    },
    begin: changeTimeline,
    changeTimeline,
  }
}
