import { describe, expect, test } from 'vitest'
import { recognize } from '../../../../src/serve/sql/recognize.js'
import type { Statement } from '../../../../src/serve/sql/statement.js'

const one = (text: string): Statement => {
  const { statements, problem } = recognize(text, { standardConformingStrings: true })
  expect(problem).toBeNull()
  expect(statements).toHaveLength(1)
  return statements[0]!
}

describe('suspicious is', () => {
  test.each([
    'SELECT pg_advisory_lock(id) FROM t',
    'SELECT 1 FROM t WHERE pg_try_advisory_lock(id)',
    'SELECT pg_advisory_lock(1) WHERE true',
    'SELECT DISTINCT pg_advisory_lock(1)',
    'SELECT pg_advisory_lock(1) FOR UPDATE',
    'SELECT pg_advisory_lock(1) LIMIT 0',
    'SELECT pg_advisory_lock(1) UNION SELECT 2',
    'SELECT pg_advisory_lock(1) INTO t',
    'SELECT pg_advisory_lock(1), x',
    'SELECT pg_advisory_lock(pg_advisory_lock(1))',
    'SELECT pg_advisory_lock()',
    'SELECT pg_advisory_lock(1, 2, 3)',
    'SELECT pg_advisory_lock(VARIADIC ARRAY[1])',
    "SELECT pg_advisory_lock(1)E'x'",
    'SELECT pg_advisory_lock(1)::int',
    'SELECT NOT pg_try_advisory_lock(1)',
    'SELECT other.pg_advisory_lock(1)',
    'WITH x AS (SELECT pg_advisory_lock(1)) SELECT * FROM x',
    'INSERT INTO t SELECT pg_advisory_lock(1)',
    'PREPARE p AS SELECT pg_advisory_lock(1)',
    'DECLARE c CURSOR FOR SELECT pg_advisory_lock(1)',
    'EXPLAIN ANALYZE SELECT pg_advisory_lock(1)',
    'COPY (SELECT pg_advisory_lock(1)) TO STDOUT',
    'CREATE VIEW v AS SELECT pg_advisory_lock(1)',
    'SELECT 1 FROM t WHERE U&"p!0067_advisory_lock" UESCAPE \'!\' (id) IS NULL',
    'SELECT x FROM t, pg_advİsory_lock(1)',
    'ALTER FUNCTION pg_advisory_lock(bigint) RENAME TO harmless',
    'DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$',
    "DO 'BEGIN PERFORM pg_' 'advisory_lock(1); END'".replace("' '", "'\n'"),
    "DO $$ BEGIN EXECUTE 'SELECT pg_adv' || 'isory_lock(1)'; END $$",
    'DO $$ BEGIN PERFORM U&"pg\\005fadvisory_lock"(1); END $$',
    'DO $$ BEGIN EXECUTE \'SELECT U&"pg\\005fadvisory_lock"(1)\'; END $$',
    'DO $$ BEGIN EXECUTE convert_from(x, y); END $$',
    'DO LANGUAGE plpython3u $$ plpy.execute(x) $$',
    'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_lock(1) $$',
    "CREATE FUNCTION f(bigint) RETURNS void LANGUAGE internal AS 'pg_advisory_lock_int8'",
    'CREATE FUNCTION f() RETURNS void BEGIN ATOMIC SELECT 1; SELECT pg_advisory_lock(1); END',
    "SELECT f('SELECT pg_advisory_lock(1)')",
    "SELECT query_to_xml('SELECT pg_adv'||'isory_lock(1)', true, true, '')",
    "SELECT f(E'SELECT pg\\x5fadvisory_lock(1)')",
    "SELECT f(U&'SELECT pg\\005fadvisory_lock(1)')",
  ])('%s', (text) => {
    expect(one(text).kind).toBe('suspicious')
  })

  test('code that hides in a string only as long as backslashes are read in one way', () => {
    const text = "SELECT 'a\\'' , pg_advisory_lock(1) --'"
    expect(one(text)).toMatchObject({ kind: 'suspicious', reason: 'strings', text })
    expect(recognize(text, { standardConformingStrings: false }).statements[0]).toMatchObject({
      kind: 'select',
    })
  })

  test('a text that is code only with escapes', () => {
    const text = "SELECT f('SELECT pg\\137advisory_lock(1)')"
    expect(one(text)).toMatchObject({ kind: 'suspicious', reason: 'strings' })
  })
})

describe('passed on is', () => {
  test.each([
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    'SELECT * FROM advisory_notes',
    "INSERT INTO notes (body) VALUES ('SELECT pg_advisory_lock(1)')",
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_advisory_lock%'",
    'SELECT 1 -- pg_advisory_lock(1)\n FROM t',
    "COMMENT ON TABLE t IS 'kept by pg_advisory_lock'",
    'DO $$ BEGIN CREATE TYPE x AS ENUM (); EXCEPTION WHEN duplicate_object THEN NULL; END $$',
    "DO $$ BEGIN EXECUTE 'ALTER TABLE t ADD c int'; END $$",
    'CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE x; END $$',
    'GRANT EXECUTE ON FUNCTION f() TO x',
  ])('%s', (text) => {
    expect(one(text).kind).toBe('other')
  })
})
