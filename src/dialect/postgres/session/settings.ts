import { ConnectionError } from '../../../base/errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { NO_STATEMENT_TIMEOUT, READ_SETTINGS, SET_SETTINGS, WATCH_CLIENT } from './settings-sql.js'

/** Values by name, in the form and the units of `pg_settings`. */
export type Settings = Readonly<Record<string, string>>

/** One setting of a lock session. */
interface SettingRow {
  readonly name: string
  readonly value: string | ((leaseMs: number) => string)
  /**
   * How the value that is read back must compare with ours. `equal`: the same text. `at least`: equal or longer.
   * `nothing`: not checked, because locks are correct without it, only slower or less tidy.
   */
  readonly comparison: 'equal' | 'at least' | 'nothing'
  readonly why: string
}

/** The kernel's limits for keepalives, in seconds and in probes. A longer lease also needs a longer interval. */
const LONGEST_KEEPALIVE_IDLE = 32_767
const KEEPALIVE_PROBES = 3

/**
 * The settings of a lock session, with reasons. Defaults of a role or a database can harm a session that holds locks:
 * most of them would end it, make its statements fail, or make them wait in the server. All are reset when the
 * connection becomes an ordinary one again. Our other connections set less: the server must not end the listener for
 * being idle (`NEVER_TOO_IDLE`), and statements on a borrowed connection have limits in their own transaction.
 */
export const LOCK_SESSION: readonly SettingRow[] = [
  {
    name: 'idle_session_timeout',
    value: (leaseMs) => String(leaseMs),
    comparison: 'equal',
    why: 'this is the lease: it frees the locks of a process that hangs',
  },
  {
    name: 'lock_timeout',
    value: (leaseMs) => String(lockTimeoutMs(leaseMs)),
    comparison: 'equal',
    why: 'a statement fails if another session has locked one of our tables or sequences; the session and its locks stay',
  },
  {
    name: 'client_connection_check_interval',
    value: '500',
    comparison: 'nothing',
    why: 'a statement that waits in the server ends soon after its client has gone, and the locks end with it',
  },
  {
    name: 'synchronous_commit',
    value: 'local',
    comparison: 'equal',
    why: 'tokens and hold records are on the disk of this server before they are reported; waiting for a replica could take forever',
  },
  {
    name: 'statement_timeout',
    value: '0',
    comparison: 'equal',
    why: 'our statements take no longer than they must, and half a batch is worse than a late one',
  },
  {
    name: 'transaction_timeout',
    value: '0',
    comparison: 'equal',
    why: 'it would end the session, with its locks',
  },
  {
    name: 'idle_in_transaction_session_timeout',
    value: '0',
    comparison: 'equal',
    why: 'it would end the session, with its locks',
  },
  {
    name: 'default_transaction_read_only',
    value: 'off',
    comparison: 'equal',
    why: 'drawing a token is a write',
  },
  {
    name: 'default_transaction_isolation',
    value: 'read committed',
    comparison: 'equal',
    why: 'a statement must see what was committed before it began, and never fails to serialize',
  },
  {
    name: 'search_path',
    // PostgreSQL searches the temporary schema first unless the path names it, and a table in it is also a type.
    value: 'pg_catalog, pg_temp',
    comparison: 'equal',
    why: 'names mean the objects of PostgreSQL itself',
  },
  // The server must not give up on the connection, and free its locks, before the lease is over.
  ...tcpRows(),
  {
    name: 'extra_float_digits',
    value: '1',
    comparison: 'nothing',
    why: 'numbers arrive exactly: with fewer digits the server rounds the shares of the lock table, in the worst case to one digit',
  },
  {
    name: 'plan_cache_mode',
    value: 'force_generic_plan',
    comparison: 'nothing',
    why: 'the batch has no better plan than the generic one, and planning costs more than running it',
  },
  {
    name: 'jit',
    value: 'off',
    comparison: 'nothing',
    why: 'our statements run for a shorter time than their compilation takes',
  },
  {
    name: 'max_parallel_workers_per_gather',
    value: '0',
    comparison: 'nothing',
    why: 'our statements are too small for a second process',
  },
  {
    name: 'client_min_messages',
    value: 'error',
    comparison: 'nothing',
    why: 'an unlock of a lock that is not held returns false; the additional warning is noise',
  },
]

/**
 * These settings, and all that begin with `enable_`, get PostgreSQL's built-in values. With unsuitable settings of the
 * planner, the statement for permits takes 220 ms instead of 8 (measured on 15). The `debug_` and `trace_` settings
 * would write to the server's log for every statement.
 */
const BUILT_IN: readonly string[] = [
  ...['constraint_exclusion', 'cursor_tuple_fraction', 'effective_cache_size', 'recursive_worktable_factor'],
  ...['seq_page_cost', 'random_page_cost', 'cpu_tuple_cost', 'cpu_index_tuple_cost', 'cpu_operator_cost'],
  ...[
    'from_collapse_limit',
    'join_collapse_limit',
    'geqo',
    'geqo_threshold',
    'geqo_effort',
    'geqo_pool_size',
  ],
  ...['geqo_generations', 'geqo_selection_bias', 'force_parallel_mode', 'debug_parallel_query'],
  ...['debug_print_parse', 'debug_print_rewritten', 'debug_print_plan', 'debug_print_raw_parse'],
  ...['trace_notify', 'trace_sort'],
]

/** The settings by name, for a lease of this length. */
export function lockSessionSettings(leaseMs: number): Settings {
  return Object.fromEntries(
    LOCK_SESSION.map(({ name, value }) => [name, typeof value === 'string' ? value : value(leaseMs)]),
  )
}

/**
 * One second, or a tenth of a short lease. A batch in strict mode has three statements, each of which may hit the
 * timeout, and the lease must still last for the statements after that.
 */
function lockTimeoutMs(leaseMs: number): number {
  return Math.min(Math.floor(leaseMs / 10), 1000)
}

function tcpRows(): SettingRow[] {
  const comparison = 'at least'
  const why = 'the server gives up on a silent connection no sooner than on its lease'
  const idleSeconds = (leaseMs: number): number => Math.min(Math.ceil(leaseMs / 1000), LONGEST_KEEPALIVE_IDLE)
  const interval = (leaseMs: number): number =>
    Math.max(1, Math.ceil((Math.ceil(leaseMs / 1000) - idleSeconds(leaseMs)) / KEEPALIVE_PROBES))
  return [
    { name: 'tcp_keepalives_idle', value: (leaseMs) => String(idleSeconds(leaseMs)), comparison, why },
    { name: 'tcp_keepalives_interval', value: (leaseMs) => String(interval(leaseMs)), comparison, why },
    { name: 'tcp_keepalives_count', value: String(KEEPALIVE_PROBES), comparison, why },
    { name: 'tcp_user_timeout', value: (leaseMs) => String(leaseMs * 2), comparison, why },
  ]
}

/** These are not set. They show whether the defaults above are in force in the transaction that reads them. */
const FOLLOWING: Settings = { transaction_read_only: 'off', transaction_isolation: 'read committed' }

const HELD_TO = new Map(LOCK_SESSION.map(({ name, comparison }) => [name, comparison]))

/** Which settings of `wanted` are not in force, in words, according to the values that the server reported. */
export function settingProblems(wanted: Settings, found: ReadonlyMap<string, string>): string[] {
  const problems: string[] = []
  for (const [name, value] of Object.entries({ ...wanted, ...FOLLOWING })) {
    const comparison = HELD_TO.get(name) ?? 'equal'
    if (comparison === 'nothing') continue
    const setting = found.get(name)
    // transaction_timeout is new in version 17. Older servers have no such timeout.
    if (setting === undefined && name === 'transaction_timeout') continue
    const isThere = comparison === 'at least' ? isAtLeast(value, setting) : setting === value
    if (!isThere) problems.push(`${name} is ${setting ?? 'not known'}, not ${value}`)
  }
  return problems
}

/**
 * Whether a timeout is at least as long as wanted. 0 means that the socket has no such timeout: it is a Unix socket, or
 * the operating system lacks the setting.
 */
function isAtLeast(wanted: string, found: string | undefined): boolean {
  return found !== undefined && (Number(found) === 0 || Number(found) >= Number(wanted))
}

/**
 * Sets the settings and reads them back, in one round trip. A session whose settings are not in force hands out no
 * locks.
 *
 * @throws {ConnectionError} lists each setting that is not in force, with the wanted and the actual value
 */
export async function putInForce(server: ServerConnection, all: Settings): Promise<void> {
  const { client_connection_check_interval: checkMs, ...wanted } = all
  const names = Object.keys(wanted)
  const [, , , { rows }] = await Promise.all([
    server.query(NO_STATEMENT_TIMEOUT),
    server.query(SET_SETTINGS, [names, Object.values(wanted), BUILT_IN]),
    // If the server can't do this, it notices by other means that the client has gone: the session outlives its client
    // for longer.
    server.query(WATCH_CLIENT, [checkMs!]).catch(() => null),
    server.query<{ name: string; setting: string }>(READ_SETTINGS, [[...names, ...Object.keys(FOLLOWING)]]),
  ])
  const problems = settingProblems(wanted, new Map(rows.map(({ name, setting }) => [name, setting])))
  if (problems.length === 0) return
  throw new ConnectionError(
    `this session cannot keep locks, because its settings have no effect: ${problems.join('; ')}`,
    { retryable: false },
  )
}
