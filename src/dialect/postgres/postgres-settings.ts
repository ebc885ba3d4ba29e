import { ConnectionError } from '../../base/errors.js'
import { NO_STATEMENT_TIMEOUT, READ_SETTINGS, SET_SETTINGS } from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/** Values as `pg_settings` shows them, in its units, by name. */
export type Settings = Readonly<Record<string, string>>

/** What the kernel takes, in seconds and probes; a longer lease needs an interval as well. */
const LONGEST_KEEPALIVE_IDLE = 32_767
const KEEPALIVE_PROBES = 3

/**
 * Defaults of a role or a database can be hostile to a session that holds locks. Any of these but the first three ends
 * or fails it.
 */
export function lockSessionSettings(leaseMs: number): Settings {
  const leaseSeconds = Math.ceil(leaseMs / 1000)
  const idleSeconds = Math.min(leaseSeconds, LONGEST_KEEPALIVE_IDLE)
  const intervalSeconds = Math.max(1, Math.ceil((leaseSeconds - idleSeconds) / KEEPALIVE_PROBES))
  return {
    // A generic plan from the start: the batch has no better one, and planning costs more than running it.
    plan_cache_mode: 'force_generic_plan',
    // An unlock of what is not held is answered with false; the warning beside it is noise.
    client_min_messages: 'error',
    search_path: 'pg_catalog',
    idle_session_timeout: String(leaseMs),
    statement_timeout: '0',
    lock_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    transaction_timeout: '0',
    default_transaction_read_only: 'off',
    default_transaction_isolation: 'read committed',
    // A token that a crash takes back is no token (measured: 40 back to 1).
    synchronous_commit: 'on',
    // The server must not give up on the connection, and free its locks, before the lease is over.
    tcp_keepalives_idle: String(idleSeconds),
    tcp_keepalives_interval: String(intervalSeconds),
    tcp_keepalives_count: String(KEEPALIVE_PROBES),
    tcp_user_timeout: String(leaseMs * 2),
  }
}

/** Not set, but what becomes of the defaults above: that of the transaction in which they are read. */
const FOLLOWING: Settings = { transaction_read_only: 'off', transaction_isolation: 'read committed' }

/** `client_min_messages` and the plan are for comfort only; the lease depends on all the others. */
const FOR_COMFORT: ReadonlySet<string> = new Set(['plan_cache_mode', 'client_min_messages'])

/** What of `wanted` is not in force, in words, by what the server says of itself. */
export function settingProblems(wanted: Settings, found: ReadonlyMap<string, string>): string[] {
  const problems: string[] = []
  for (const [name, value] of Object.entries({ ...wanted, ...FOLLOWING })) {
    if (FOR_COMFORT.has(name)) continue
    const setting = found.get(name)
    // transaction_timeout came with 17: a server that does not know it does not have it.
    if (setting === undefined && name === 'transaction_timeout') continue
    const isThere = name.startsWith('tcp_') ? isPatient(value, setting) : setting === value
    if (!isThere) problems.push(`${name} is ${setting ?? 'not known'}, not ${value}`)
  }
  return problems
}

/** 0 is what a socket without such a setting shows: a Unix socket, which has no network to lose, or another system's. */
function isPatient(wanted: string, found: string | undefined): boolean {
  return found !== undefined && (Number(found) === 0 || Number(found) >= Number(wanted))
}

/**
 * Puts the settings in force and reads them back, in one round trip. A session that doesn't have what it asked for hands
 * out no locks.
 *
 * @throws {ConnectionError} naming each that is not in force, with what was wanted and what was found
 */
export async function putInForce(server: ServerConnection, wanted: Settings): Promise<void> {
  const names = Object.keys(wanted)
  const [, , { rows }] = await Promise.all([
    server.query(NO_STATEMENT_TIMEOUT),
    server.query(SET_SETTINGS, [names, Object.values(wanted)]),
    server.query<{ name: string; setting: string }>(READ_SETTINGS, [[...names, ...Object.keys(FOLLOWING)]]),
  ])
  const problems = settingProblems(wanted, new Map(rows.map(({ name, setting }) => [name, setting])))
  if (problems.length === 0) return
  throw new ConnectionError(
    `this session would not keep locks, because settings that it asked for are not in force: ${problems.join('; ')}`,
    { retryable: false },
  )
}
