/**
 * Messages of drivers that Debian and npm lack, or have only in an older version. They are listed group by group, as
 * the drivers' sources and traces show them. The keys are those of well-known migration tools.
 */
import type { Frame } from './frames.js'
import type { Group } from './random-script.js'

const SYNC: Frame = { is: 'sync' }
const FLUSH: Frame = { is: 'flush' }
const BINARY = [1]
const INT8 = 20

const query = (text: string): Frame => ({ is: 'query', text })
const parse = (name: string, text: string, types: readonly number[] = []): Frame => ({
  is: 'parse',
  name,
  text,
  types,
})
const statement = (name: string): Frame => ({ is: 'describe', kind: 'S', name })
const portal = (name = ''): Frame => ({ is: 'describe', kind: 'P', name })
const closed = (kind: 'S' | 'P', name: string): Frame => ({ is: 'close', kind, name })
const execute = (max = 0): Frame => ({ is: 'execute', portal: '', max })

/** `value` is a number in binary format, as 16 hexadecimal digits. */
const bind = (name: string, value?: string, results: readonly number[] = BINARY): Frame => ({
  is: 'bind',
  portal: '',
  name,
  formats: value === undefined ? [] : BINARY,
  values: value === undefined ? [] : [value],
  results,
})

const LOCK = 'SELECT pg_advisory_lock($1)'
const TRY = 'SELECT pg_try_advisory_lock($1)'
const UNLOCK = 'SELECT pg_advisory_unlock($1)'
const KEY = '0000000000000007'

export const DRIVER_TRACES: Readonly<Record<string, readonly Group[]>> = {
  'Npgsql: types when it connects, unprepared and prepared commands, a reset before the next command': [
    [
      query(
        "SELECT version();\n\nSELECT ns.nspname, t.oid, t.typname FROM pg_type AS t JOIN pg_namespace AS ns ON ns.oid = t.typnamespace WHERE t.typname = 'int4'",
      ),
    ],
    [parse('', LOCK, [INT8]), bind('', KEY), portal(), execute(), SYNC],
    [parse('_p1', UNLOCK, [INT8]), statement('_p1'), SYNC],
    [bind('_p1', KEY), execute(), SYNC],
    [parse('', LOCK, [INT8]), bind('', KEY), portal(), execute(), SYNC],
    [query('DISCARD ALL'), parse('', TRY, [INT8]), bind('', KEY), portal(), execute(), SYNC],
    [
      query(
        'SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP',
      ),
      query('BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED'),
      parse('', 'SELECT pg_advisory_xact_lock($1)', [INT8]),
      bind('', KEY),
      portal(),
      execute(),
      SYNC,
    ],
    [query('COMMIT')],
  ],
  'pgx 5: a statement cache by digest, a ping, a transaction that is rolled back': [
    [query('-- ping')],
    [parse('stmtcache_5d1', LOCK), statement('stmtcache_5d1'), SYNC],
    [bind('stmtcache_5d1', KEY, [0]), portal(), execute(), SYNC],
    [bind('stmtcache_5d1', KEY, [0]), portal(), execute(), SYNC],
    [query('begin')],
    [parse('stmtcache_a07', 'SELECT pg_try_advisory_xact_lock($1)'), statement('stmtcache_a07'), SYNC],
    [bind('stmtcache_a07', KEY), portal(), execute(), SYNC],
    [query('rollback')],
    [closed('S', 'stmtcache_5d1'), closed('S', 'stmtcache_a07'), SYNC],
    [query('SELECT pg_advisory_unlock_all()')],
  ],
  'JDBC: BEGIN in the group of the statement, no Describe from the fifth time on, a row limit': [
    [parse('', 'SET extra_float_digits = 3'), bind('', undefined, []), execute(1), SYNC],
    [parse('', "SET application_name = 'PostgreSQL JDBC Driver'"), bind('', undefined, []), execute(1), SYNC],
    [
      parse('S_1', 'BEGIN'),
      bind('S_1', undefined, []),
      execute(),
      parse('', LOCK, [INT8]),
      bind('', KEY, [0]),
      portal(),
      execute(),
      SYNC,
    ],
    [parse('S_2', UNLOCK, [INT8]), bind('S_2', KEY, [0]), portal(), execute(), SYNC],
    [bind('S_2', KEY, [0]), execute(), SYNC],
    [parse('S_3', 'COMMIT'), bind('S_3', undefined, []), execute(1), SYNC],
    [parse('', ''), bind('', undefined, []), execute(1), SYNC],
    [bind('S_1', undefined, []), execute(), bind('S_2', KEY, [0]), execute(), SYNC],
    [parse('S_4', 'ROLLBACK'), bind('S_4', undefined, []), execute(1), SYNC],
  ],
  'asyncpg: Flush after Parse, a row limit of one, a reset of four statements': [
    [
      parse('__asyncpg_stmt_1__', LOCK),
      statement('__asyncpg_stmt_1__'),
      FLUSH,
      bind('__asyncpg_stmt_1__', KEY),
      execute(1),
      SYNC,
    ],
    [
      parse('__asyncpg_stmt_2__', TRY),
      statement('__asyncpg_stmt_2__'),
      FLUSH,
      bind('__asyncpg_stmt_2__', KEY),
      execute(0),
      SYNC,
    ],
    [query('SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;')],
    [closed('S', '__asyncpg_stmt_1__'), SYNC],
  ],
  'tokio-postgres, as Prisma migrate uses it: a search path, a named statement that is closed': [
    [query('SET search_path = "public"')],
    [parse('s0', 'SELECT pg_advisory_lock(72707369)'), statement('s0'), SYNC],
    [bind('s0'), execute(), SYNC],
    [closed('S', 's0'), SYNC],
    [query('SELECT pg_advisory_unlock(72707369)')],
  ],
  'sqlx: the name of the database, a portal that is closed in its group': [
    [parse('sqlx_s_1', 'SELECT current_database()'), statement('sqlx_s_1'), SYNC],
    [bind('sqlx_s_1'), execute(), closed('P', ''), SYNC],
    [parse('sqlx_s_2', LOCK, [INT8]), statement('sqlx_s_2'), SYNC],
    [bind('sqlx_s_2', KEY), execute(), closed('P', ''), SYNC],
    [parse('sqlx_s_3', UNLOCK, [INT8]), statement('sqlx_s_3'), SYNC],
    [bind('sqlx_s_3', KEY), execute(), closed('P', ''), SYNC],
  ],
  'Postgrex, as Ecto migrations use it: a statement in three groups, a transaction, a savepoint': [
    [query('begin')],
    [parse('ecto_1', TRY), statement('ecto_1'), SYNC],
    [bind('ecto_1', KEY), execute(), SYNC],
    [query('savepoint postgrex_query')],
    [parse('ecto_2', 'SELECT 1 / 0'), statement('ecto_2'), SYNC],
    [bind('ecto_2'), execute(), SYNC],
    [query('rollback to postgrex_query;release postgrex_query')],
    [closed('S', 'ecto_2'), SYNC],
    [query('commit')],
    [query('SELECT pg_advisory_unlock_all()')],
  ],
  'Flyway and golang-migrate: their keys, as text': [
    [query('SELECT pg_try_advisory_lock(77431708279161)')],
    [query('SELECT pg_advisory_unlock(77431708279161)')],
    [parse('', "SELECT pg_advisory_lock('1305947129')"), statement(''), SYNC],
    [bind('', undefined, [0]), execute(), SYNC],
    [query('SELECT pg_advisory_unlock(1305947129)')],
  ],
}
