import type { TimelineStore } from '../../rows/timeline-to-join.js'
import { sqlState } from '../connection/server-errors.js'
import type { StatementRunner } from './statement-runner.js'
import { BEGIN_TIMELINE, BELIEVED_TIMELINE, CHANGE_TIMELINE, TABLE_TIMELINE } from './timeline-sql.js'

/** The error of servers that speak PostgreSQL's protocol but have no write-ahead log. */
const NOT_SUPPORTED = '0A000'

/** Reads and records the timeline. A PostgreSQL server starts a new one with each promotion. */
export function timelineStore(runner: StatementRunner): TimelineStore {
  return {
    current: async () => {
      try {
        const [row] = await runner.rowsAtLast<{ timeline: string }>(STATEMENTS.current, [])
        return row!.timeline
      } catch (error) {
        if (sqlState(error) !== NOT_SUPPORTED) throw error
        return null
      }
    },
    believed: async () => {
      const [row] = await runner.rowsAtLast<Believed>(STATEMENTS.believed, [])
      return { timeline: row!.timeline, longestLeaseMs: row!.longest_lease_ms }
    },
    begin: async (timeline) => void (await runner.rowsAtLast(STATEMENTS.begin, [timeline])),
    changeTimeline: async (timeline) => void (await runner.rowsAtLast(STATEMENTS.changeTimeline, [timeline])),
  }
}

interface Believed {
  readonly timeline: string | null
  readonly longest_lease_ms: number
}

const STATEMENTS = {
  current: { name: 'lockpool_table_timeline', text: TABLE_TIMELINE },
  believed: { name: 'lockpool_believed', text: BELIEVED_TIMELINE },
  begin: { name: 'lockpool_begin_timeline', text: BEGIN_TIMELINE },
  changeTimeline: { name: 'lockpool_settle_timeline', text: CHANGE_TIMELINE },
} as const
