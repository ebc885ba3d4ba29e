/**
 * Any role may have created functions, operators and types in `public` with the names of the server's own. A statement that
 * finds one of them runs foreign code with the rights of the caller. So every statement that is sent under any search path
 * qualifies each name with `pg_catalog.`.
 */
import { expect, test } from 'vitest'
import { IS_BUILT_IN } from '../../src/dialect/postgres/transaction/equality-sql.js'
import { whereAll } from '../../src/dialect/postgres/transaction/quoting.js'
import { lockRowsStatement } from '../../src/dialect/postgres/transaction/transaction-sql.js'
import { namesIn, type SqlName } from '../support/sql-names.js'
import { ownStatements } from '../support/own-sql.js'

/**
 * Statements that are sent only after lockpool has set the search path. `test/proofs/shadows.test.ts` checks them on a
 * server.
 */
const UNDER_OUR_OWN_PATH: Readonly<Record<string, readonly string[]>> = {
  'in a look, behind BEGIN_LOOK or OWN_NAMES': [
    'inspect/inspect-sql SERVER_FACTS',
    'inspect/inspect-sql LOCKS',
    'inspect/inspect-sql SESSIONS',
    'inspect/inspect-sql BLOCKERS',
    'inspect/inspect-sql OLDEST_SNAPSHOT',
    'records/key-names-sql KEY_NAMES',
    'records/report-sql REPORTS',
    'doctor/doctor-sql DOCTOR_FACTS',
    'doctor/doctor-sql BACKENDS',
    'reset/reach-sql reachStatement',
  ],
  'by a lock session, whose settings are in force': [
    'locks/batch-sql TRY_ONE',
    'locks/batch-sql RETRY_ONE',
    'locks/batch-sql RELEASE_ONE',
    'locks/batch-sql PLAIN_BATCH',
    'locks/batch-sql BATCH',
    'locks/batch-sql PAIR_BATCH',
    'locks/batch-sql RETRY_ONE_WITH_INTENT',
    'locks/batch-sql SHARED_BATCH',
    'locks/batch-sql DROP_STALE',
    'locks/server-queue-sql IS_QUEUED_FOR',
    'locks/server-queue-sql EXCLUSIVE_QUEUE',
    'locks/server-queue-sql SHARED_QUEUE',
    'locks/server-queue-sql EXCLUSIVE_PAIR_QUEUE',
    'locks/server-queue-sql SHARED_PAIR_QUEUE',
    'notify/notify-sql NOTIFY_WAITERS',
    'notify/notify-sql IS_WANTED',
    'notify/notify-sql SEND_NOTIFICATION',
    'locks/announcement-sql ANNOUNCE_POOL',
    'locks/announcement-sql ANNOUNCE_SHARE',
    'locks/announcement-sql WITHDRAW_POOL',
    'locks/announcement-sql WITHDRAW_SHARE',
    'locks/announcement-sql TABLE_USE',
    'locks/reconcile-sql HELD_BY',
    'locks/reconcile-sql UNLOCK_EACH',
    'locks/permit-sql TAKE_PERMITS',
    'locks/permit-sql TAKE_ONE_PERMIT',
    'locks/permit-sql RELEASE_ONE_PERMIT',
    'locks/permit-sql RELEASE_PERMITS',
    'locks/permit-sql LEAVE_PERMITS',
    'locks/permit-sql OTHER_PERMITS',
    'fencing/hold-record-sql RECORD_HOLDS',
    'fencing/hold-record-sql DELETE_HOLDS',
    'fencing/hold-record-sql DELETE_LEFTOVER',
    'fencing/hold-record-sql NAME_SESSION',
  ],
}

/** Parts of statements, and statements about the user's tables, whose names the user chooses. */
const OF_THE_USER = [
  'transaction/transaction-sql TABLE_MODES',
  'transaction/transaction-sql lockRowsStatement',
]

const looksUp = ({ schema }: SqlName): boolean => schema === null

test('every name in our SQL says pg_catalog, unless the statement is sent under a search path of ours', async () => {
  const exempt = new Set([...Object.values(UNDER_OUR_OWN_PATH).flat(), ...OF_THE_USER])
  const wrong = (await ownStatements())
    .filter(({ name }) => !exempt.has(name))
    .flatMap(({ name, text }) =>
      namesIn(text)
        .filter(looksUp)
        .map((each) => `${name}: ${each.kind} ${each.name}`),
    )
  expect(wrong).toEqual([])
})

test('a statement that is exempt exists, and needs to be', async () => {
  const needing = new Set(
    (await ownStatements()).filter(({ text }) => namesIn(text).some(looksUp)).map(({ name }) => name),
  )
  const wrong = Object.values(UNDER_OUR_OWN_PATH)
    .flat()
    .filter((name) => !needing.has(name))
  expect(wrong).toEqual([])
})

test('so does what is put together for the rows of a table, whose columns and types are the user’s', () => {
  const { terms } = whereAll({ id: 1, name: ['a', 'b'], kind: null }, { name: 'public' })
  const text = lockRowsStatement('"public"."orders"', [IS_BUILT_IN, ...terms], 'share', 'nowait')
  expect(namesIn(text)).toEqual([
    { kind: 'function', name: 'current_setting', schema: 'pg_catalog' },
    { kind: 'operator', name: '=', schema: 'pg_catalog' },
    { kind: 'operator', name: '=', schema: 'pg_catalog' },
    { kind: 'operator', name: '=', schema: 'public' },
  ])
})

test('other schemas are named nowhere', async () => {
  const wrong = (await ownStatements()).flatMap(({ name, text }) =>
    namesIn(text)
      .filter(({ schema }) => schema !== null && !['pg_catalog', 'lockpool', 'some'].includes(schema))
      .map((each) => `${name}: ${each.schema}.${each.name}`),
  )
  expect(wrong).toEqual([])
})

/** The checks above depend on the reader of SQL, so these cases show which names it finds. */
test.each<readonly [sql: string, found: readonly string[]]>([
  ['SELECT now()', ['function now']],
  ['SELECT pg_catalog.now()', []],
  ['SELECT a + b FROM s.t', ['operator +']],
  ['SELECT a OPERATOR(pg_catalog.+) b FROM s.t', []],
  ['SELECT a.*, count(*), * FROM s.a', ['function count']],
  ['SELECT 1::text, 2::int, 3::pg_catalog.text', ['type text']],
  ['SELECT 1::varchar, $1::varchar[]', []],
  ["SELECT regclass 'x', interval '1 day'", ['type regclass']],
  ['SELECT CAST(f(a) AS text), CAST((SELECT b AS c) AS pg_catalog.text) AS d', ['function f', 'type text']],
  ['SELECT CAST(a AS numeric(3)), CAST(b AS jsonb)', ['type jsonb']],
  ['SELECT a FROM t, u JOIN s.v ON true', ['relation t', 'relation u']],
  ['WITH t AS (SELECT) SELECT FROM t', []],
  ['SELECT a IN (1), b BETWEEN c AND d, e LIKE f', ['operator =', 'operator >=', 'operator ~~']],
  ['SELECT a IS NOT DISTINCT FROM b, nullif(c, d)', ['operator =', 'operator =']],
  ['SELECT CASE a WHEN b THEN c END, CASE WHEN a THEN b END', ['operator =']],
  ['SELECT FROM s.a JOIN s.b USING (c)', ['operator =']],
  ['UPDATE s.t SET a = 1, b = 2 WHERE c = 3', ['operator =']],
  ['INSERT INTO s.t AS x (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a', []],
  ['DELETE FROM t USING u', ['relation t', 'relation u']],
  ['ALTER TABLE s.t ADD COLUMN IF NOT EXISTS a bigint', []],
  ['CREATE TABLE s.t (a text, b bigint, PRIMARY KEY (a))', ['type text']],
  ['DO $$ DECLARE x text; BEGIN PERFORM f(); END $$', ['type text', 'function f']],
  ['SELECT extract(epoch FROM a), coalesce(b), -1', []],
  ["SELECT 'now() + 1'; -- now() + 1", []],
])('in "%s" it finds %j', (sql, found) => {
  const names = namesIn(sql).filter(looksUp)
  expect(names.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual(found.toSorted())
})
