import { sleep, systemClock } from '../../base/clock.js'

/** Other waiting processes may have begun earlier, so the row is checked this often. */
const LOOK_EVERY_MS = 500

/**
 * A change of timeline moves tokens to the time of day, and at least this far: by 2^19 grants of each key. It is less than
 * the shortest lease, for which a change waits: otherwise two servers that change it one after the other, and know nothing
 * of each other, could move tokens to the same place, ahead of the time.
 */
export const LEAST_MOVE: number = 2 ** 29

/** Stores the timeline of the server on which rows are valid. */
export interface TimelineStore {
  /** The current timeline. Null if the server does not reveal it. */
  current(): Promise<string | null>
  /** The timeline on which rows are valid, null at first, and the longest lease of all members. */
  believed(): Promise<{ readonly timeline: string | null; readonly longestLeaseMs: number }>
  /** Records the first timeline; nothing existed before. */
  begin(timeline: string): Promise<void>
  /**
   * Runs once per timeline: members of the previous timeline become dead, and tokens move above all that they can have
   * been given.
   */
  changeTimeline(timeline: string): Promise<void>
}

/**
 * Returns the timeline on which a member joins; null if the server does not reveal it. After a failover the last grants
 * may be missing in the rows. So no member joins before every holder of the previous timeline has given up its locks.
 * None of those can send a valid heartbeat, so that takes one lease from now, on our own clock.
 */
export async function timelineToJoin(
  server: TimelineStore,
  leaseMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- it may change meanwhile
    const timeline = await server.current()
    if (timeline === null) return null
    // oxlint-disable-next-line no-await-in-loop -- the same
    if (await isCurrentTimeline(server, timeline, leaseMs, signal)) return timeline
  }
}

/** Returns false if the timeline has changed in the meantime. */
async function isCurrentTimeline(
  server: TimelineStore,
  timeline: string,
  leaseMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const since = systemClock.now()
  for (;;) {
    signal.throwIfAborted()
    // oxlint-disable-next-line no-await-in-loop -- a look after the other
    const { timeline: believed, longestLeaseMs: longest } = await server.believed()
    if (believed === timeline) return true
    // oxlint-disable-next-line no-await-in-loop -- at the end
    if (believed === null) await server.begin(timeline)
    else {
      const remainingMs = since + Math.max(longest, leaseMs) - systemClock.now()
      // oxlint-disable-next-line no-await-in-loop -- a wait is what it is for
      if (remainingMs > 0) await sleep(systemClock, Math.min(remainingMs, LOOK_EVERY_MS), signal)
      // oxlint-disable-next-line no-await-in-loop -- at the end
      else if ((await server.current()) === timeline)
        // oxlint-disable-next-line no-await-in-loop -- at the end
        await server.changeTimeline(timeline)
      else return false
    }
  }
}
