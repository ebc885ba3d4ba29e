import {
  ask,
  isCollision,
  MOST_ATTEMPTS,
  serverError,
  settled,
  valueOf,
  type Settled,
} from './ask-timeline.js'
import { ConnectionError } from '../../../base/errors.js'
import { placeFence, runOf, type FenceRow, type Follower, type StartRow } from './fence-place.js'
import { explain, inWords } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import {
  CURRENT_START,
  CURRENT_SYSTEM,
  CURRENT_TIMELINE,
  followServer,
  READ_TIMELINE,
  readFence,
  type ServerIdentity,
} from './timeline-sql.js'

/**
 * The longest lease that a strict pool may choose by itself. A server that does not know of such a decision waits for
 * this long.
 */
export const LONGEST_STRICT_LEASE_MS = 30_000

export interface TimelineFacts {
  /** Why hold records can't be trusted, or null. */
  readonly problem: Error | null
  /** Why there are no tokens, or null. */
  readonly noTokens: string | null
  /** A lower bound of the last token that was drawn. */
  readonly last: string
  /** A hazard that remains, in words, or null. */
  readonly shortfall: string | null
  /** The maximum lease of strict pools on this server. */
  readonly strictLeaseMs: number
  /**
   * How long strict pools must wait from now, because holders on another server may have hold records that are missing
   * here. 0 if that time is over.
   */
  readonly attachDelayMs: number
  /** When this server started, in the server's own text. */
  readonly started: string | null
  /** Which server this is. Null if the server was not asked. */
  readonly identity: ServerIdentity | null
}

export interface TimelineRow {
  readonly name: string | null
  readonly system: string | null
  readonly started: string | null
  readonly longest_lease_ms: number
  readonly strict_lease_ms: number | null
  readonly settling_ms: number
}

/**
 * Detects whether tokens and hold records were last used on another server, or in another run of this one. Then the
 * last of them may be missing here. Once the first session has handled that, the check costs one round trip and no
 * write.
 */
export async function followTimeline(server: ServerConnection, follower: Follower): Promise<TimelineFacts> {
  const { fence, limitMs } = follower
  // All questions are sent at once, so they cost one round trip together.
  const stored = settled(ask<TimelineRow>(server, limitMs, READ_TIMELINE))
  const placed = fence === null ? null : settled(ask<FenceRow>(server, limitMs, readFence(fence.oid)))
  const [identity, start] = await whichServer(server)
  let row: TimelineRow | null
  let isNew: boolean
  try {
    ;[row, isNew] = await followed(server, follower, identity, await stored)
  } catch (error) {
    return failed(serverError(error), identity)
  }
  const place =
    fence === null
      ? null
      : await placeFence(server, follower, runOf(start, fence), isNew ? null : await placed)
  return {
    problem: null,
    noTokens: place?.noTokens ?? null,
    last: place?.last ?? '0',
    shortfall: place?.isClockless === true ? CLOCKLESS : null,
    strictLeaseMs: row?.strict_lease_ms ?? Infinity,
    attachDelayMs: row?.settling_ms ?? 0,
    started: identity.started,
    identity,
  }
}

function failed(error: unknown, identity: ServerIdentity): TimelineFacts {
  const problem = explain(error)
  const noTokens = `the timeline could not be followed: ${inWords(error, 'lockpool.timeline')}`
  const { started } = identity
  const unlimited = { shortfall: null, strictLeaseMs: Infinity, attachDelayMs: 0 }
  return { problem, noTokens, last: '0', ...unlimited, started, identity }
}

const CLOCKLESS =
  "the server's clock shows a year before 1970 or after 2200: after a failover tokens may fall back"

/** Which server this is. A property is null if the role may not read it, or if this kind of server lacks it. */
export async function identityOf(server: ServerConnection): Promise<ServerIdentity> {
  return (await whichServer(server))[0]
}

async function whichServer(server: ServerConnection): Promise<[ServerIdentity, StartRow]> {
  const name = server.query<{ name: string }>(CURRENT_TIMELINE).catch(() => null)
  const system = server.query<{ system: string }>(CURRENT_SYSTEM).catch(() => null)
  const [{ rows }, ofName, ofSystem] = await Promise.all([
    server.query<StartRow>(CURRENT_START),
    name,
    system,
  ])
  const start = rows[0]!
  return [
    {
      name: ofName?.rows[0]?.name ?? null,
      system: ofSystem?.rows[0]?.system ?? null,
      started: start.started,
    },
    start,
  ]
}

/** Returns the stored row once it describes this server, and whether it had to be written. */
async function followed(
  server: ServerConnection,
  { strictLeaseMs, limitMs }: Follower,
  identity: ServerIdentity,
  stored: Settled<TimelineRow | undefined>,
): Promise<[TimelineRow | null, boolean]> {
  for (let attempt = 0; ; attempt++) {
    const row = attempt === 0 ? valueOf(stored) : await ask<TimelineRow>(server, limitMs, READ_TIMELINE)
    if (!needsRecording(row ?? null, identity, strictLeaseMs !== null)) return [row ?? null, attempt > 0]
    const decision = strictLeaseMs === null ? null : Math.min(strictLeaseMs, LONGEST_STRICT_LEASE_MS)
    const statements = followServer(identity, decision, LONGEST_STRICT_LEASE_MS)
    const { error } = await settled(ask(server, limitMs, ...statements))
    const isOver = attempt === MOST_ATTEMPTS
    if (error !== undefined && (isOver || !isCollision(error))) throw error
    if (isOver)
      throw new ConnectionError('the identity of the server could not be recorded', { retryable: true })
  }
}

/** Whether the row must be written. A value that is unknown, then or now, does not count as a difference. */
export function needsRecording(
  row: TimelineRow | null,
  identity: ServerIdentity,
  isStrict: boolean,
): boolean {
  if (row === null || row.started === null) return true
  const differs = (there: string | null, here: string | null): boolean =>
    there !== null && here !== null && there !== here
  return (
    row.started !== identity.started ||
    differs(row.name, identity.name) ||
    differs(row.system, identity.system) ||
    (isStrict && row.strict_lease_ms === null)
  )
}
