import { sleep, systemClock } from '../../base/clock.js'

/** Another process that waits as well may have begun before us. */
const LOOK_EVERY_MS = 500

/** Where it is kept on which timeline of a server rows are believed. */
export interface PlaceStore {
  /** The timeline of now; null where the server does not tell. */
  current(): Promise<string | null>
  /** The timeline on which rows are believed, null at first; and the longest lease of all members. */
  believed(): Promise<{ readonly timeline: string | null; readonly longestLeaseMs: number }>
  /** There was nothing before. */
  begin(timeline: string): Promise<void>
  /** Once for all: members of the timeline before are dead, and tokens go on above all that they can have been given. */
  settle(timeline: string): Promise<void>
}

/**
 * On which timeline of the server a member joins; null where the server does not tell. After a fail-over rows may lack the last
 * grants, so nobody joins before every holder of the timeline before has stopped to believe in what it has: none of them can
 * send a heartbeat that counts, so that is a lease from now, by our own clock.
 */
export async function settle(
  server: PlaceStore,
  leaseMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- it may change meanwhile
    const timeline = await server.current()
    if (timeline === null) return null
    // oxlint-disable-next-line no-await-in-loop -- the same
    if (await isSettled(server, timeline, leaseMs, signal)) return timeline
  }
}

/** False: the timeline has changed meanwhile. */
async function isSettled(
  server: PlaceStore,
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
      const leftMs = since + Math.max(longest, leaseMs) - systemClock.now()
      // oxlint-disable-next-line no-await-in-loop -- a wait is what it is for
      if (leftMs > 0) await sleep(systemClock, Math.min(leftMs, LOOK_EVERY_MS), signal)
      // oxlint-disable-next-line no-await-in-loop -- at the end
      else if ((await server.current()) === timeline)
        // oxlint-disable-next-line no-await-in-loop -- at the end
        await server.settle(timeline)
      else return false
    }
  }
}
