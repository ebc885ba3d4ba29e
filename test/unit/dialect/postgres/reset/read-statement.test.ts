import { expect, test } from 'vitest'
import { readStatement } from '../../../../../src/dialect/postgres/reset/read-statement.js'

test.each([
  'SELECT 1',
  'select * from orders where id = $1 and name in ($2, $3)',
  'SELECT count(*), max(o.total) FROM "public"."Order" AS o (id, total) GROUP BY (id) HAVING count(*) > 1;',
  'INSERT INTO "public"."User" ("id", name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *',
  'WITH gone AS (DELETE FROM jobs WHERE id = ANY ($1) RETURNING id) SELECT id FROM gone',
  'UPDATE accounts SET cents = cents - $1, at = now() WHERE id = $2',
  'SELECT pg_catalog.lower(name) FROM t FOR UPDATE SKIP LOCKED',
  'SELECT * FROM t WHERE id OPERATOR(pg_catalog.=) ANY ($1)',
  'SELECT pg_advisory_xact_lock($1), nextval($2)',
  `/* traceparent='00-ab' /* nested */ */ SELECT 'it''s; SET ROLE x' -- SET ROLE x`,
  'BEGIN ISOLATION LEVEL SERIALIZABLE',
  'COMMIT',
  'ROLLBACK TO SAVEPOINT a',
  ' \n SHOW work_mem ; \n -- done',
])('%s leaves nothing by itself', (text) => {
  expect(readStatement(text).names).not.toBeNull()
})

test.each([
  '',
  ';',
  'SET ROLE x',
  'select my_function()',
  'select public.lower(x)',
  'select "lower"(x)',
  'select x . lower(y)',
  "select set_config('a.b', $1, false)",
  'select pg_advisory_lock(1)',
  'select pg_catalog.pg_advisory_lock(1)',
  'select/**/pg_try_advisory_lock/* */\n(1)',
  'select U&"pg\\005fadvisory_lock"(1)',
  "select query_to_xml('select set_config(1)', true, true, '')",
  'select 1; set role x',
  "select 'a' ; /* */ select my_function()",
  "select 'a\\'; set role x --'",
  'select $$a$$, my_function()',
  'select $a$;$a$; set role x',
  'select 1 into temp t',
  'select * into temp t from s',
  'insert into t select * into temp x from y',
  'update pg_settings set setting = 1',
  'with x as (update pg_catalog.pg_settings set setting = 1 returning 1) select 1',
  'select 1 operator(public.+) 2',
  "select xmltable('a')",
  'select f(1) from t tablesample mine(3)',
  'explain analyze select 1',
  "copy t from program 'x'",
  'execute p',
  'prepare p as select 1',
  'declare c cursor with hold for select 1',
  'fetch all from c',
  'call p()',
  'do $$ begin end $$',
  'listen x',
  'notify x',
  'commit prepared $1',
  "prepare transaction 'x'",
  'create temp table t ()',
  'lock table t',
  'discard all',
  '/* unfinished SELECT 1',
  "select 'unfinished",
  'select "unfinished',
  'select ſet_config(1)',
  `select "${'a'.repeat(64)}"`,
  '(select 1)',
])('%s may leave anything', (text) => {
  expect(readStatement(text).names).toBeNull()
})

test('every name is compared as the server would, keywords included', () => {
  expect(readStatement(`SELECT Total, "Mixed", 'text', $1, 5 FROM a.B c -- comment`)).toEqual({
    names: ['select', 'total', 'Mixed', 'from', 'a', 'b', 'c'],
    isWriting: false,
  })
  expect(readStatement('BEGIN READ ONLY')).toEqual({ names: [], isWriting: false })
})

test.each([
  ['INSERT INTO t VALUES (1)', true],
  ['WITH x AS (DELETE FROM t RETURNING 1) SELECT 1', true],
  ['MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE', true],
  ['SELECT 1 FROM t FOR UPDATE', false],
  ['SELECT 1 FROM t FOR NO KEY UPDATE OF t', false],
  [`SELECT 'update' AS "delete"`, false],
])('%s: rows are written: %s', (text, isWriting) => {
  expect(readStatement(text)).toMatchObject({ names: expect.any(Array), isWriting })
})
