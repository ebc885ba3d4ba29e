import type { LinkSettings } from '../../dialect.js'
import { PostgresHoldRecords } from '../fencing/hold-records.js'
import {
  BEFORE_FIRST_LOCK,
  findObjects,
  keepsBackend,
  useSchema,
  type SchemaFacts,
} from '../schema/schema.js'
import { lockSessionSettings, putInForce } from './settings.js'
import { identityOf } from '../timeline/timeline.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { untilNotCanceled } from '../connection/until-not-canceled.js'

/** What a lock session has in addition to locks. */
export interface SessionEquipment extends SchemaFacts {
  /** The lease in force. */
  readonly leaseMs: number
  /** The hold records, in strict mode. */
  readonly holdRecords: PostgresHoldRecords | null
}

/**
 * Finds or creates what a session needs in schema `lockpool`. `inForce` resolves when the settings for the configured
 * lease are in force. In strict mode the database may have a shorter maximum lease; then this sets the shorter one.
 */
export async function equip(
  server: ServerConnection,
  settings: LinkSettings,
  inForce: Promise<void>,
): Promise<SessionEquipment> {
  const { strict, leaseMs } = settings
  if (settings.fencing === 'off' && !strict) {
    // Both questions are sent at once, so this costs no additional round trip.
    const found = untilNotCanceled(() => findObjects(server))
    const [identity, objects] = await Promise.all([identityOf(server), found, inForce])
    return { ...NOTHING, keepsBackend: keepsBackend(objects), leaseMs, identity }
  }
  // These statements are sent after the settings, so the settings already apply to them.
  const [found] = await Promise.all([untilNotCanceled(() => findObjects(server)), inForce])
  const naming = strict ? PostgresHoldRecords.nameSession(server) : null
  const [schema, session] = await Promise.all([useSchema(server, found, settings, BEFORE_FIRST_LOCK), naming])
  if (session === null) return { ...schema, leaseMs, holdRecords: null }
  const inDatabaseMs = Math.min(leaseMs, schema.strictLeaseMs)
  const holdRecords = new PostgresHoldRecords(server, session, inDatabaseMs)
  if (inDatabaseMs === leaseMs) return { ...schema, leaseMs, holdRecords }
  await putInForce(server, lockSessionSettings(inDatabaseMs))
  const shortened = `"leaseMs" is ${leaseMs}, and the strict pools of this database have agreed on ${inDatabaseMs} at most, which is in force ("lockpool install --strict-lease ${leaseMs}ms" raises it)`
  const shortfall = schema.shortfall === null ? shortened : `${schema.shortfall}; ${shortened}`
  return { ...schema, leaseMs: inDatabaseMs, holdRecords, shortfall }
}

const NOTHING = {
  fence: null,
  noFencing: '"fencing" is off',
  last: '0',
  shortfall: null,
  keepsNames: false,
  keepsReports: false,
  receivesRequests: false,
  keepsBackend: false,
  strictLeaseMs: Infinity,
  attachDelayMs: 0,
  started: null,
  holdRecords: null,
} as const
