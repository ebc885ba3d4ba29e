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

/** What is to be done behind a borrower. */
export interface ResetOrder {
  /** Whether what there is to clean is looked at before, to be told. */
  readonly looks: boolean
  /** What may be settings with a dot, and can't be seen otherwise. */
  readonly custom: readonly string[]
  /** Whether it is a look that is not taken often, or where nothing can be prepared. */
  readonly isOnce: boolean
}

type Kind = 'locks' | 'channels' | 'cursors' | 'prepared' | 'temporary'

/** How each kind is called, in this order. */
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

/** As LEFT answers. */
type Left = Readonly<Record<Kind | 'settings' | 'identity', readonly string[]>> & {
  readonly custom: Custom
  readonly preparedCount: number
}

/** Of very many of a kind, this many are named. */
const NAMED = 10

const LOOK = { name: 'lockpool_left', text: LEFT } as const

/** What became of it. */
export interface ResetResult {
  readonly found: readonly string[]
  /** Whether the server lacks statements that the driver has prepared, and believes to be there. */
  readonly isForgotten: boolean
}

/**
 * Cleans everything there may be, in one flight, and answers what it was as far as it was looked at. Whatever is sent behind
 * it finds a clean session, answered or not.
 *
 * @throws what the server says: then it is not clean
 */
export async function reset(server: ServerConnection, order: ResetOrder): Promise<ResetResult> {
  const { looks, isOnce, custom } = order
  const prepared = server.parsedStatements
  server.hasLostSettings = true
  // What is prepared stands in the way of the shorter way to clean.
  const isBare = prepared === 0 && (!looks || isOnce)
  const [, left, , , , after] = await Promise.all([
    server.isInTransaction ? server.command(ROLLBACK) : null,
    looks ? look(server, custom, isOnce) : null,
    server.command(isBare ? DISCARD_ALL : CLEAN_SESSION),
    server.hasSetClientCheck ? server.command(SET_CLIENT_CHECK_AGAIN) : null,
    // An owner may have taken the language away, and then nobody can.
    looks && !isBare ? server.command(DEALLOCATE_SQL).catch(whatServerSaid) : null,
    looks && custom.length > 0 ? server.query<{ custom: string }>(CUSTOM_SETTINGS, [custom]) : null,
  ])
  const found = foundIn(left, custom, after === null ? [] : (JSON.parse(after.rows[0]!.custom) as Custom))
  const isForgotten =
    left === STATEMENT_GONE || (left !== null && typeof left !== 'string' && left.preparedCount < prepared)
  return { found, isForgotten }
}

/** What is left; or the SQLSTATE of the error that came instead. */
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

/** It was told to be prepared, and is not any more. */
const STATEMENT_GONE = '26000'

const QUERY_CANCELED = '57014'

/** @throws the error itself if it is not the server's: then the connection is lost. */
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
