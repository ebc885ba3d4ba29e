import { StrictUnavailableError } from '../../base/errors.js'
import type { LinkSettings } from '../dialect.js'
import { explain } from './postgres-errors.js'
import {
  CREATE_OBJECTS,
  CREATE_SCHEMA,
  CURRENT_TIMELINE,
  FIND_OBJECTS,
  FOLLOW_TIMELINE,
  MAY_CREATE,
  OBJECT_COUNT,
  QUEUE_UP,
  STORED_TIMELINE,
  STORE_TIMELINE,
} from './schema-sql.js'
import type { ServerConnection } from './server-connection.js'

/** What of schema `lockpool` a lock session can use. */
export interface SchemaFacts {
  /** The sequence that tokens are drawn from, or null. */
  readonly fence: string | null
  readonly noFencing: string | null
  readonly shortfall: string | null
  /** Whether the names of keys may be written down. */
  readonly keepsNames: boolean
  /** Whether there is a place to say since when locks are held. */
  readonly keepsReports: boolean
}

type ObjectName = 'fence' | 'timeline' | 'guard' | 'hold' | 'leader' | 'key_name' | 'report'

interface FoundObject {
  readonly name: ObjectName | null
  readonly oid: string
  readonly is_usable: boolean
  readonly is_right: boolean | null
}

type Objects = Readonly<Partial<Record<ObjectName, FoundObject>>>

/** Sent with other statements of an attach, so that it costs no round trip of its own. */
export async function findObjects(server: ServerConnection): Promise<FoundObject[]> {
  return (await server.query<FoundObject>(FIND_OBJECTS)).rows
}

/**
 * Makes what is missing, if the role may. What can't be had is said where it is needed: at once for strict mode, by
 * `lock.token` for tokens; locks alone need none of it.
 *
 * @throws {StrictUnavailableError}
 */
export async function useSchema(
  server: ServerConnection,
  found: readonly FoundObject[],
  { fencing, strict, leaseMs }: LinkSettings,
): Promise<SchemaFacts> {
  const { objects, refusal } = await makeMissing(server, found)
  const noMarks = strict
    ? (problemOf('table', 'hold', objects, refusal) ?? problemOf('table', 'timeline', objects, refusal))
    : null
  if (noMarks !== null) throw cantBeStrict(noMarks)
  const timeline = await followTimeline(server, objects, strict ? leaseMs : 0)
  if (strict && timeline.problem !== null) throw cantBeStrict(timeline.problem)
  const noFencing =
    fencing === 'off'
      ? '"fencing" is off'
      : (problemOf('sequence', 'fence', objects, refusal) ?? timeline.problem)
  return {
    fence: noFencing === null ? objects.fence!.oid : null,
    noFencing,
    shortfall: timeline.shortfall,
    keepsNames: objects.key_name?.is_usable === true,
    keepsReports: objects.report?.is_usable === true,
  }
}

function cantBeStrict(problem: string): StrictUnavailableError {
  return new StrictUnavailableError(`strict mode is not possible: ${problem}`)
}

/** Null if the object can be used. */
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
  if (object.is_right === false)
    return `${title} is not as lockpool makes it (INCREMENT 1024, CACHE 1, NO CYCLE)`
  return object.is_usable
    ? null
    : `this role may not use ${title} ("lockpool install --role ROLE" grants what is needed)`
}

async function makeMissing(
  server: ServerConnection,
  found: readonly FoundObject[],
): Promise<{ objects: Objects; refusal: string | null }> {
  const objects = byName(found)
  // What people are to see is kept where somebody has decided so, and not because a pool came by.
  const { key_name: _, report: __, ...needed } = objects
  if (Object.keys(needed).length === OBJECT_COUNT) return { objects, refusal: null }
  const { rows } = await server.query<{ may_create: boolean }>(MAY_CREATE)
  if (rows[0]?.may_create !== true) return { objects, refusal: 'permission denied for this role' }
  // A role that may not make schemas may still have been given one.
  const statements = found.length === 0 ? [CREATE_SCHEMA, ...CREATE_OBJECTS] : CREATE_OBJECTS
  let refusal: string | null = null
  try {
    // One message, and so one transaction: all of it or nothing.
    await server.query([QUEUE_UP, ...statements].join(';'))
  } catch (error) {
    // Another process may have been quicker. What is there now counts.
    refusal = explain(error).message
  }
  return { objects: byName(await findObjects(server)), refusal }
}

function byName(found: readonly FoundObject[]): Objects {
  return Object.fromEntries(found.flatMap((object) => (object.name === null ? [] : [[object.name, object]])))
}

interface TimelineFacts {
  /** Why tokens and marks are not to be trusted, or null. */
  readonly problem: string | null
  /** What is not guarded against, or null. */
  readonly shortfall: string | null
}

/**
 * Sees whether this is another server than the one whose tokens and marks are stored: after a fail-over it may not have
 * heard of the last of them. Once the first session has seen to that, it costs one round trip and no write.
 */
async function followTimeline(
  server: ServerConnection,
  { timeline }: Objects,
  leaseMs: number,
): Promise<TimelineFacts> {
  if (timeline?.is_usable !== true) {
    return {
      problem: null,
      shortfall: 'the timeline can not be stored: after a fail-over tokens may fall back',
    }
  }
  const [current, stored] = await Promise.all([currentTimeline(server), storedTimeline(server)])
  try {
    if (stored === null || stored.name === null || stored.longest_lease_ms < leaseMs) {
      await server.query(STORE_TIMELINE, [current, leaseMs])
    }
    if (current !== null && stored !== null && stored.name !== null && stored.name !== current) {
      await server.query(FOLLOW_TIMELINE, [current])
    }
  } catch (error) {
    return { problem: `the timeline could not be followed: ${explain(error).message}`, shortfall: null }
  }
  const shortfall =
    current === null
      ? 'the server does not tell its timeline: after a fail-over to another, tokens may fall back and marks be missing'
      : null
  return { problem: null, shortfall }
}

async function storedTimeline(
  server: ServerConnection,
): Promise<{ name: string | null; longest_lease_ms: number } | null> {
  const { rows } = await server.query<{ name: string | null; longest_lease_ms: number }>(STORED_TIMELINE)
  return rows[0] ?? null
}

/** Null where the role may not ask, or the server is of a kind that has none. */
async function currentTimeline(server: ServerConnection): Promise<string | null> {
  try {
    const { rows } = await server.query<{ name: string }>(CURRENT_TIMELINE)
    return rows[0]!.name
  } catch {
    return null
  }
}
