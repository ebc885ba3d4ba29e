import { ConnectionError } from '../../../base/errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { NO_STATEMENT_TIMEOUT, READ_SETTINGS, SET_SETTINGS, WATCH_CLIENT } from './settings-sql.js'

/** Values as `pg_settings` shows them, in its units, by name. */
export type Settings = Readonly<Record<string, string>>

/** One setting of a lock session. */
interface SettingRow {
  readonly name: string
  readonly value: string | ((leaseMs: number) => string)
  /**
   * How it is read back: to the letter; as no less patient than that; or not at all, because locks are sound without it, if
   * slower or less tidy.
   */
  readonly isHeldTo: 'the letter' | 'patience' | 'nothing'
  readonly why: string
}

/** What the kernel takes, in seconds and probes; a longer lease needs an interval as well. */
const LONGEST_KEEPALIVE_IDLE = 32_767
const KEEPALIVE_PROBES = 3

/**
 * What a lock session sets, and why. Defaults of a role or a database can be hostile to a session that holds locks: most of
 * these would end it, fail its statements, or let them wait in the server. All are undone when its connection becomes an
 * ordinary one again. The other connections of ours set less: a listener is not ended for being idle
 * (`NEVER_TOO_IDLE`), and what is written or looked at on a borrowed connection has limits of its own transaction.
 */
export const LOCK_SESSION: readonly SettingRow[] = [
  {
    name: 'idle_session_timeout',
    value: (leaseMs) => String(leaseMs),
    isHeldTo: 'the letter',
    why: 'is the lease: it frees the locks of a process that hangs',
  },
  {
    name: 'lock_timeout',
    value: (leaseMs) => String(lockTimeoutMs(leaseMs)),
    isHeldTo: 'the letter',
    why: 'a statement that meets a lock of somebody else on a table or sequence of ours gives up; locks stay, and so does the session',
  },
  {
    name: 'client_connection_check_interval',
    value: '500',
    isHeldTo: 'nothing',
    why: 'a statement that waits in the server for whatever reason ends soon after its client, and the locks with it',
  },
  {
    name: 'synchronous_commit',
    value: 'local',
    isHeldTo: 'the letter',
    why: 'tokens and marks are on the disk of this server when they are told; no replica is waited for, which may never answer',
  },
  {
    name: 'statement_timeout',
    value: '0',
    isHeldTo: 'the letter',
    why: 'nothing of ours takes long unless it has to, and half a batch is worse than a late one',
  },
  {
    name: 'transaction_timeout',
    value: '0',
    isHeldTo: 'the letter',
    why: 'ends the session, with its locks',
  },
  {
    name: 'idle_in_transaction_session_timeout',
    value: '0',
    isHeldTo: 'the letter',
    why: 'ends the session, with its locks',
  },
  {
    name: 'default_transaction_read_only',
    value: 'off',
    isHeldTo: 'the letter',
    why: 'a token is a write',
  },
  {
    name: 'default_transaction_isolation',
    value: 'read committed',
    isHeldTo: 'the letter',
    why: 'a statement must see what was committed before it began, and never fails to serialize',
  },
  {
    name: 'search_path',
    // The temporary schema is searched first unless it is named, and a table in it is a type as well.
    value: 'pg_catalog, pg_temp',
    isHeldTo: 'the letter',
    why: 'names are what PostgreSQL means by them',
  },
  // The server must not give up on the connection, and free its locks, before the lease is over.
  ...tcpRows(),
  {
    name: 'extra_float_digits',
    value: '1',
    isHeldTo: 'nothing',
    why: 'numbers come as they are: with fewer digits the shares of a lock table are rounded, to one digit if need be',
  },
  {
    name: 'plan_cache_mode',
    value: 'force_generic_plan',
    isHeldTo: 'nothing',
    why: 'the batch has no better plan than the generic one, and planning costs more than running it',
  },
  {
    name: 'jit',
    value: 'off',
    isHeldTo: 'nothing',
    why: 'no statement of ours runs for as long as compiling it takes',
  },
  {
    name: 'max_parallel_workers_per_gather',
    value: '0',
    isHeldTo: 'nothing',
    why: 'no statement of ours is worth another process',
  },
  {
    name: 'client_min_messages',
    value: 'error',
    isHeldTo: 'nothing',
    why: 'an unlock of what is not held is answered with false; the warning beside it is noise',
  },
]

/**
 * These go back to what PostgreSQL comes with, as do all that begin with `enable_`: with the planner turned away from what
 * our statements are made for, one for permits takes 220 ms instead of 8 (measured on 15). And what prints plans prints them
 * into the server's log, for every statement.
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

/** By names, for a lease of so long. */
export function lockSessionSettings(leaseMs: number): Settings {
  return Object.fromEntries(
    LOCK_SESSION.map(({ name, value }) => [name, typeof value === 'string' ? value : value(leaseMs)]),
  )
}

/**
 * A second, or a tenth of a short lease: a batch in strict mode is three statements, each of which may have to give up, and
 * the lease must outlive them and what follows.
 */
function lockTimeoutMs(leaseMs: number): number {
  return Math.min(Math.floor(leaseMs / 10), 1000)
}

function tcpRows(): SettingRow[] {
  const isHeldTo = 'patience'
  const why = 'the server gives up on a silent connection no sooner than on its lease'
  const idleSeconds = (leaseMs: number): number => Math.min(Math.ceil(leaseMs / 1000), LONGEST_KEEPALIVE_IDLE)
  const interval = (leaseMs: number): number =>
    Math.max(1, Math.ceil((Math.ceil(leaseMs / 1000) - idleSeconds(leaseMs)) / KEEPALIVE_PROBES))
  return [
    { name: 'tcp_keepalives_idle', value: (leaseMs) => String(idleSeconds(leaseMs)), isHeldTo, why },
    { name: 'tcp_keepalives_interval', value: (leaseMs) => String(interval(leaseMs)), isHeldTo, why },
    { name: 'tcp_keepalives_count', value: String(KEEPALIVE_PROBES), isHeldTo, why },
    { name: 'tcp_user_timeout', value: (leaseMs) => String(leaseMs * 2), isHeldTo, why },
  ]
}

/** Not set, but what becomes of the defaults above: that of the transaction in which they are read. */
const FOLLOWING: Settings = { transaction_read_only: 'off', transaction_isolation: 'read committed' }

const HELD_TO = new Map(LOCK_SESSION.map(({ name, isHeldTo }) => [name, isHeldTo]))

/** What of `wanted` is not in force, in words, by what the server says of itself. */
export function settingProblems(wanted: Settings, found: ReadonlyMap<string, string>): string[] {
  const problems: string[] = []
  for (const [name, value] of Object.entries({ ...wanted, ...FOLLOWING })) {
    const isHeldTo = HELD_TO.get(name) ?? 'the letter'
    if (isHeldTo === 'nothing') continue
    const setting = found.get(name)
    // transaction_timeout came with 17: a server that does not know it does not have it.
    if (setting === undefined && name === 'transaction_timeout') continue
    const isThere = isHeldTo === 'patience' ? isPatient(value, setting) : setting === value
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
export async function putInForce(server: ServerConnection, all: Settings): Promise<void> {
  const { client_connection_check_interval: checkMs, ...wanted } = all
  const names = Object.keys(wanted)
  const [, , , { rows }] = await Promise.all([
    server.query(NO_STATEMENT_TIMEOUT),
    server.query(SET_SETTINGS, [names, Object.values(wanted), BUILT_IN]),
    // A server that can't has its own ways to notice: the session outlives its client for longer there.
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
