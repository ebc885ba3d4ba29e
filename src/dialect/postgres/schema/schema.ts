import { StrictUnavailableError } from '../../../base/errors.js'
import type { LinkSettings, RecordTables } from '../../dialect.js'
import type { Queryable } from '../../queryable.js'
import { followOld } from '../timeline/old-timeline.js'
import { explain, inWords, sqlState } from '../connection/server-errors.js'
import type { FenceObject, Follower } from '../timeline/fence-place.js'
import { followTimeline, type TimelineFacts } from '../timeline/timeline.js'
import {
  CREATE_OBJECTS,
  CREATE_SCHEMA,
  FIND_OBJECTS,
  MAY_CREATE,
  OBJECT_COUNT,
  queueUp,
  UPGRADE_TIMELINE,
} from './schema-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { within, type ServerIdentity } from '../timeline/timeline-sql.js'

/** The parts of schema `lockpool` that a lock session can use. */
export interface SchemaFacts {
  /** The oid of the sequence of tokens, or null. */
  readonly fence: string | null
  readonly noFencing: string | null
  /** A lower bound of the last token that was drawn. */
  readonly last: string
  readonly shortfall: string | null
  /** Whether this role may write the names of keys. */
  readonly keepsNames: boolean
  /** Whether this role may write reports of its lock sessions. */
  readonly keepsReports: boolean
  /** Whether other programs can ask holders here to release locks. */
  readonly receivesRequests: boolean
  /** Whether this role may record the backend of a namespace. */
  readonly keepsBackend: boolean
  /** The maximum lease of strict pools. */
  readonly strictLeaseMs: number
  /** See `attachDelayMs` of LockLink. */
  readonly attachDelayMs: number
  /** When this server started, in the server's own text. */
  readonly started: string | null
  /** Which server this is. Null if the server was not asked. */
  readonly identity: ServerIdentity | null
}

/** How long a check of the schema may wait for other sessions. */
export interface SchemaWaitLimits {
  /** How long to wait for a lock on one of our objects, in milliseconds. */
  readonly lockMs: number
  /**
   * How many times to try for the creation lock while other processes create the schema, 50 ms apart. 0 means that
   * nothing is created.
   */
  readonly looks: number
}

/** The session holds no locks yet. After a restart of the server, many sessions may do this at the same time. */
export const BEFORE_FIRST_LOCK: SchemaWaitLimits = { lockMs: 1000, looks: 20 }

/** The session holds locks, and its other statements wait until this is finished. */
export const WHILE_HOLDING_LOCKS: SchemaWaitLimits = { lockMs: 50, looks: 2 }

export const CREATE_NOTHING: SchemaWaitLimits = { ...WHILE_HOLDING_LOCKS, looks: 0 }

type ObjectName =
  | 'fence'
  | 'timeline'
  | 'run'
  | 'guard'
  | 'hold'
  | 'leader'
  | 'backend'
  | 'key_name'
  | 'report'
  | 'release_request'

interface FoundObject {
  readonly name: ObjectName | null
  readonly oid: string
  readonly is_usable: boolean
  /** Whether this role may move the sequence, or alter the table. */
  readonly is_movable: boolean
  readonly is_right: boolean
}

type Objects = Readonly<Partial<Record<ObjectName, FoundObject>>>

/** Sent together with other statements during an attach, so it costs no additional round trip. */
export async function findObjects(server: Queryable): Promise<FoundObject[]> {
  return (await server.query<FoundObject>(FIND_OBJECTS)).rows
}

/**
 * Creates what is missing, if this role may do so. Strict mode fails at once if an object can't be used. Missing tokens
 * are reported by `lock.token`. Locks need none of these objects.
 *
 * @throws {StrictUnavailableError}
 */
export async function useSchema(
  server: ServerConnection,
  found: readonly FoundObject[],
  { fencing, strict, leaseMs, seen }: LinkSettings,
  limits: SchemaWaitLimits,
): Promise<SchemaFacts> {
  const { objects, refusal } = await makeMissing(server, found, limits)
  const noRecords = strict
    ? (problemOf('table', 'hold', objects, refusal) ?? problemOf('table', 'timeline', objects, refusal))
    : null
  if (noRecords !== null) throw cantBeStrict(noRecords)
  const noFence = fencing === 'off' ? '"fencing" is off' : problemOf('sequence', 'fence', objects, refusal)
  const timeline = await follow(server, objects, {
    fence: noFence === null ? fenceOf(objects) : null,
    strictLeaseMs: strict ? leaseMs : null,
    seen: seen.greatest,
    limitMs: limits.lockMs,
  })
  if (strict && timeline.problem !== null) throw cantBeStrict(timeline.problem)
  const noFencing = noFence ?? timeline.noTokens
  const { last, shortfall, strictLeaseMs, attachDelayMs, started, identity } = timeline
  return {
    fence: noFencing === null ? objects.fence!.oid : null,
    noFencing,
    last,
    shortfall,
    ...recordTables(Object.values(objects)),
    keepsBackend: objects.backend?.is_usable === true,
    strictLeaseMs,
    attachDelayMs,
    started,
    identity,
  }
}

function cantBeStrict(problem: string | Error): StrictUnavailableError {
  if (typeof problem === 'string')
    return new StrictUnavailableError(`strict mode is not possible: ${problem}`)
  return strictFailure(problem, 'lockpool.timeline')
}

/** The error for a statement of strict mode that failed at the server. */
export function strictFailure(error: Error, object: string): StrictUnavailableError {
  const cause = 'cause' in error && error.cause instanceof Error ? error.cause : error
  return new StrictUnavailableError(`strict mode is not possible: ${inWords(cause, object)}`, {
    cause,
    retryable: sqlState(cause) === '55P03',
  })
}

function fenceOf({ fence }: Objects): FenceObject | null {
  return fence === undefined ? null : { oid: fence.oid, isMovable: fence.is_movable }
}

async function follow(
  server: ServerConnection,
  objects: Objects,
  follower: Follower,
): Promise<TimelineFacts> {
  const { timeline, run } = objects
  if (timeline?.is_usable !== true) {
    return {
      problem: null,
      noTokens: null,
      last: '0',
      shortfall: 'the timeline cannot be stored: after a crash or a failover tokens may fall back',
      strictLeaseMs: Infinity,
      attachDelayMs: 0,
      started: null,
      identity: null,
    }
  }
  const isCurrent = timeline.is_right && run?.is_usable === true && run.is_right
  return isCurrent ? followTimeline(server, follower) : followOld(server, follower)
}

const RIGHT = {
  fence: 'a persistent SEQUENCE of bigint, INCREMENT 1024, CACHE 1, NO CYCLE, without MAXVALUE',
  hold: 'not UNLOGGED',
  timeline: 'not UNLOGGED',
} as const

/** Why an object can't be used, or null if it can. */
function problemOf(
  kind: 'table' | 'sequence',
  name: 'fence' | 'timeline' | 'hold',
  objects: Objects,
  refusal: string | null,
): string | null {
  const object = objects[name]
  const title = `the ${kind} lockpool.${name}`
  if (object === undefined) {
    const why = refusal === null ? '' : `, and it can't be created: ${refusal}`
    return `there is no ${kind} lockpool.${name}${why} ("lockpool install" makes it)`
  }
  if (!object.is_right && name !== 'timeline')
    return `${title} is not as lockpool creates it (${RIGHT[name]})`
  return object.is_usable
    ? null
    : `this role may not use ${title} ("lockpool install --role ROLE" grants what is needed)`
}

/** The tables of records that this role may use. */
export function recordTables(found: readonly FoundObject[]): Required<RecordTables> {
  const isUsable = (wanted: ObjectName): boolean =>
    found.some(({ name, is_usable }) => name === wanted && is_usable)
  return {
    keepsNames: isUsable('key_name'),
    keepsReports: isUsable('report'),
    receivesRequests: isUsable('release_request'),
  }
}

/** For pools that use no other object of the schema and create none. */
export function keepsBackend(found: readonly FoundObject[]): boolean {
  return found.some(({ name, is_usable }) => name === 'backend' && is_usable)
}

async function makeMissing(
  server: ServerConnection,
  found: readonly FoundObject[],
  { lockMs, looks }: SchemaWaitLimits,
): Promise<{ objects: Objects; refusal: string | null }> {
  const objects = byName(found)
  // Objects for people are created by an operator's decision (`lockpool install`), not by a pool.
  const { key_name: _, report: __, release_request: ___, timeline, ...others } = objects
  const isComplete = timeline !== undefined && Object.keys(others).length === OBJECT_COUNT - 1
  const isOld = timeline?.is_right === false && timeline.is_movable
  if ((isComplete && !isOld) || looks === 0) return { objects, refusal: null }
  const { rows } = await server.query<{ may_create: boolean }>(MAY_CREATE)
  if (rows[0]?.may_create !== true) return { objects, refusal: 'permission denied for this role' }
  // A role without the right to create schemas may still have been given this one.
  const statements = found.length === 0 ? [CREATE_SCHEMA, ...CREATE_OBJECTS] : [...CREATE_OBJECTS]
  if (isOld) statements.push(UPGRADE_TIMELINE)
  let refusal: string | null = null
  try {
    // One message is one transaction: all objects are created, or none.
    await server.query(within(lockMs, queueUp(looks), ...statements))
  } catch (error) {
    // Another process may have been faster. The objects that exist now count.
    refusal = explain(error).message
  }
  return { objects: byName(await findObjects(server)), refusal }
}

function byName(found: readonly FoundObject[]): Objects {
  return Object.fromEntries(found.flatMap((object) => (object.name === null ? [] : [[object.name, object]])))
}
