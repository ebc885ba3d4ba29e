import { sleep, systemClock } from '../../../base/clock.js'
import { sqlState } from '../connection/server-errors.js'
import type { StatementRunner } from './statement-runner.js'
import { BEGIN_TIMELINE, BELIEVED_TIMELINE, SETTLE_TIMELINE, TABLE_TIMELINE } from './timeline-sql.js'

/** Another process that waits as well may have begun before us. */
const LOOK_EVERY_MS = 500

/**
 * On which timeline of the server a member joins; null where the server does not tell. After a fail-over rows may lack the last
 * grants, so nobody joins before every holder of the timeline before has stopped to believe in what it has: none of them can
 * send a heartbeat that counts, so that is a lease from now, by our own clock.
 */
export async function settle(
  runner: StatementRunner,
  leaseMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- it may change meanwhile
    const timeline = await currentTimeline(runner)
    if (timeline === null) return null
    // oxlint-disable-next-line no-await-in-loop -- the same
    if (await isSettled(runner, timeline, leaseMs, signal)) return timeline
  }
}

/** False: the timeline has changed meanwhile. */
async function isSettled(
  runner: StatementRunner,
  timeline: string,
  leaseMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const since = systemClock.now()
  for (;;) {
    signal.throwIfAborted()
    // oxlint-disable-next-line no-await-in-loop -- a look after the other
    const [row] = await runner.rowsAtLast<Believed>(STATEMENTS.believed, [])
    const { timeline: believed, longest_lease_ms: longest } = row!
    if (believed === timeline) return true
    // oxlint-disable-next-line no-await-in-loop -- at the end
    if (believed === null) await runner.rowsAtLast(STATEMENTS.begin, [timeline])
    else {
      const leftMs = since + Math.max(longest, leaseMs) - systemClock.now()
      // oxlint-disable-next-line no-await-in-loop -- a wait is what it is for
      if (leftMs > 0) await sleep(systemClock, Math.min(leftMs, LOOK_EVERY_MS), signal)
      // oxlint-disable-next-line no-await-in-loop -- at the end
      else if ((await currentTimeline(runner)) === timeline)
        // oxlint-disable-next-line no-await-in-loop -- at the end
        await runner.rowsAtLast(STATEMENTS.settle, [timeline])
      else return false
    }
  }
}

async function currentTimeline(runner: StatementRunner): Promise<string | null> {
  try {
    const [row] = await runner.rowsAtLast<{ timeline: string }>(STATEMENTS.current, [])
    return row!.timeline
  } catch (error) {
    if (sqlState(error) !== NOT_SUPPORTED) throw error
    return null
  }
}

/** What speaks PostgreSQL, and has no write-ahead log of its own. */
const NOT_SUPPORTED = '0A000'

interface Believed {
  readonly timeline: string | null
  readonly longest_lease_ms: number
}

const STATEMENTS = {
  current: { name: 'lockpool_table_timeline', text: TABLE_TIMELINE },
  believed: { name: 'lockpool_believed', text: BELIEVED_TIMELINE },
  begin: { name: 'lockpool_begin_timeline', text: BEGIN_TIMELINE },
  settle: { name: 'lockpool_settle_timeline', text: SETTLE_TIMELINE },
} as const
