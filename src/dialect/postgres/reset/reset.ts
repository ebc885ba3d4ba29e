import {
  CLEAN_SESSION,
  CUSTOM_SETTINGS,
  DEALLOCATE_SQL,
  DISCARD_ALL,
  LEFT,
  ROLLBACK,
  SET_CLIENT_CHECK_AGAIN,
} from './session-state-sql.js'
import { sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What the reset after a borrower should do. */
export interface ResetOrder {
  /** Whether to look first at what was left, so that it can be reported. */
  readonly looks: boolean
  /** Names of possible settings with a dot. No view of the server lists such settings. */
  readonly custom: readonly string[]
  /**
   * Whether the query that looks should run unprepared, because it runs rarely or because prepared statements may be
   * gone.
   */
  readonly isOnce: boolean
}

type Kind = 'locks' | 'channels' | 'cursors' | 'prepared' | 'temporary'

/** The words for each kind, in the order of the report. */
const KINDS: readonly (readonly [kind: Kind, what: string])[] = [
  ['locks', 'advisory locks'],
  ['channels', 'subscriptions'],
  ['cursors', 'open cursors'],
  ['prepared', 'prepared statements'],
  ['temporary', 'temporary tables'],
]

type Custom = readonly (string | null)[]

interface Answer {
  readonly what_is_left: string
}

/** The answer of LEFT. */
type Left = Readonly<Record<Kind | 'settings' | 'identity', readonly string[]>> & {
  readonly custom: Custom
  readonly preparedCount: number
}

/** The maximum number of names that the report lists for each kind. */
const NAMED = 10

const LOOK = { name: 'lockpool_left', text: LEFT } as const

/** The result of a reset. */
export interface ResetResult {
  readonly found: readonly string[]
  /** Whether the server lacks prepared statements that the driver believes to exist. */
  readonly isForgotten: boolean
}

/**
 * Resets everything that a borrower may have left, with statements that are all sent at once. Returns what was left, as
 * far as it was looked at. Statements that are sent afterwards find a clean session, even before the answers have
 * arrived.
 *
 * @throws the server's error: then the session is not clean
 */
export async function reset(server: ServerConnection, order: ResetOrder): Promise<ResetResult> {
  if (server.isPortable) return resetPortable(server)
  const { looks, isOnce, custom } = order
  const prepared = server.parsedStatements
  server.hasLostSettings = true
  // DISCARD ALL is cheaper, but it would also drop the driver's prepared statements.
  const isBare = prepared === 0 && (!looks || isOnce)
  const [, left, , , , after] = await Promise.all([
    server.isInTransaction ? server.command(ROLLBACK) : null,
    looks ? look(server, custom, isOnce) : null,
    server.command(isBare ? DISCARD_ALL : CLEAN_SESSION),
    server.hasSetClientCheck ? server.command(SET_CLIENT_CHECK_AGAIN) : null,
    // This needs PL/pgSQL. The owner of the database may have revoked it, and then these statements stay.
    looks && !isBare ? server.command(DEALLOCATE_SQL).catch(whatServerSaid) : null,
    looks && custom.length > 0 ? server.query<{ custom: string }>(CUSTOM_SETTINGS, [custom]) : null,
  ])
  const found = foundIn(left, custom, after === null ? [] : (JSON.parse(after.rows[0]!.custom) as Custom))
  const isForgotten =
    left === STATEMENT_GONE || (left !== null && typeof left !== 'string' && left.preparedCount < prepared)
  return { found, isForgotten }
}

/**
 * Distributed engines know DISCARD ALL, or refuse it, and then the connection is closed. It drops the driver's prepared
 * statements, so the driver parses them again from now on.
 */
async function resetPortable(server: ServerConnection): Promise<ResetResult> {
  server.hasLostSettings = true
  server.forgetStatements()
  await Promise.all([server.isInTransaction ? server.command(ROLLBACK) : null, server.command(DISCARD_ALL)])
  return { found: [], isForgotten: false }
}

/** Returns what was left, or the SQLSTATE of the server's error. */
async function look(
  server: ServerConnection,
  custom: readonly string[],
  isOnce: boolean,
): Promise<Left | string> {
  try {
    const [row] = isOnce
      ? (await server.query<Answer>(LEFT, [custom])).rows
      : await server.prepared<Answer>(LOOK, [custom])
    return JSON.parse(row!.what_is_left) as Left
  } catch (error) {
    return whatServerSaid(error)
  }
}

/** invalid_sql_statement_name: the prepared statement no longer exists. */
const STATEMENT_GONE = '26000'

const QUERY_CANCELED = '57014'

/** @throws the error itself if it is not from the server: then the connection is lost */
function whatServerSaid(error: unknown): string {
  const state = sqlState(error)
  if (state === undefined) throw error
  return state
}

function foundIn(left: Left | string | null, names: readonly string[], after: Custom): string[] {
  if (left === null || left === STATEMENT_GONE) return []
  if (left === QUERY_CANCELED) return ['a time limit that was too short to see what else']
  if (typeof left === 'string') return [`what could not be seen (${left})`]
  const custom = names.filter((_, i) => (left.custom[i] ?? '') !== (after[i] ?? ''))
  const settings = [...[...left.settings, ...custom].toSorted(), ...left.identity]
  const kinds = KINDS.map(([kind, what]) => [what, left[kind]] as const)
  return [['changed settings', settings] as const, ...kinds]
    .filter(([, some]) => some.length > 0)
    .map(([what, some]) => `${what}: ${listed(some)}`)
}

function listed(names: readonly string[]): string {
  const more = names.length > NAMED ? [`and ${names.length - NAMED} more`] : []
  return [...names.slice(0, NAMED), ...more].join(', ')
}
