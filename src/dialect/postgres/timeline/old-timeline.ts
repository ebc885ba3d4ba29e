import { explain, sqlState } from '../connection/server-errors.js'
import type { Follower } from './fence-place.js'
import type { TimelineFacts } from './timeline.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { CURRENT_TIMELINE, followOldTimeline, READ_OLD_TIMELINE, storeOldTimeline } from './timeline-sql.js'

interface OldTimelineRow {
  readonly name: string | null
  readonly longest_lease_ms: number
  readonly settling_ms: number
}

/**
 * Replaces `followTimeline` if the schema is of an older version and this role may not update it. It detects only a
 * change of the timeline.
 */
export async function followOld(
  server: ServerConnection,
  { fence, strictLeaseMs }: Follower,
): Promise<TimelineFacts> {
  const leaseMs = strictLeaseMs ?? 0
  let noTokens: string | null = null
  let problem: Error | null = null
  let attachDelayMs = 0
  try {
    const [name, row] = await Promise.all([currentTimeline(server), storedTimeline(server)])
    attachDelayMs = row?.settling_ms ?? 0
    if (row === null || row.name === null || row.longest_lease_ms < leaseMs)
      await server.query(storeOldTimeline(name, leaseMs))
    if (name !== null && row !== null && row.name !== null && row.name !== name) {
      attachDelayMs = Math.max(row.longest_lease_ms, leaseMs)
      await server.query(followOldTimeline(name, fence?.oid ?? null))
    }
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    problem = explain(error)
    noTokens = `the timeline could not be followed: ${problem.message}`
  }
  const shortfall =
    'schema lockpool is of an older version: after a crash, or on another server, tokens may fall back, and strict pools ' +
    'may overlap ("lockpool install" brings it up to date)'
  const unknown = { started: null, identity: null }
  return { problem, noTokens, last: '0', shortfall, strictLeaseMs: Infinity, attachDelayMs, ...unknown }
}

async function currentTimeline(server: ServerConnection): Promise<string | null> {
  try {
    return (await server.query<{ name: string }>(CURRENT_TIMELINE)).rows[0]!.name
  } catch {
    return null
  }
}

async function storedTimeline(server: ServerConnection): Promise<OldTimelineRow | null> {
  return (await server.query<OldTimelineRow>(READ_OLD_TIMELINE)).rows[0] ?? null
}
