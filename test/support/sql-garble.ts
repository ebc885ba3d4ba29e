/** Random query strings, most of them with a lock call in some notation, for the recognizer and its judge. */
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import {
  call,
  escaped,
  expression,
  FUNCTIONS,
  gap,
  one,
  plainCall,
  several,
  TYPES,
} from './sql-expressions.js'

const ALIASES = [
  '',
  '',
  '',
  ' AS x',
  ' x',
  ' AS "X y"',
  ' AS select',
  ' locked',
  ' name',
  ' result',
  ' AS U&"\\0061b"',
  ' over',
  ' is null',
  ' isnull',
  ' AS ',
  " AS 'x'",
  ' and',
  ' from',
  " E'x'",
  ' at',
  ' collate',
  ' value',
  ' year',
  ' AS year',
  ' filter',
  ' within',
  ' as as',
  ' operator',
  ' ilike',
  ' lateral',
  ' tablesample',
  ' "q""q"',
  ` ${'long_'.repeat(15)}`,
]

const column = (random: SeededRandom): string =>
  `${one(random, [
    () => call(random),
    () => call(random),
    () => call(random),
    () => expression(random),
    () => `(${call(random)})`,
    () => `${call(random)}::${random.pick(TYPES)}`,
    () => `CAST(${call(random)} AS ${random.pick(TYPES)})`,
    () =>
      `${call(random)} ${random.pick(['= true', 'IS NULL', 'IS NOT NULL', 'AND true', "|| 'x'", 'OVER ()', 'FILTER (WHERE true)', 'WITHIN GROUP (ORDER BY 1)', '.x', '[1]', 'IN (1)', 'BETWEEN 1 AND 2', 'AT TIME ZONE 1', 'COLLATE "C"', 'NOTNULL'])}`,
    '*',
    'version()',
    'pg_backend_pid()',
    'current_user',
    "set_config('a.b', 'c', true)",
    () => `NOT ${call(random)}`,
  ])}${random.pick(ALIASES)}`

/** A SELECT as programs write it, with the clauses that they may add. */
function plainSelect(random: SeededRandom): string {
  const column = (): string =>
    `${one(random, [() => plainCall(random), () => plainCall(random), '1', '$3', "'a'", 'version()', () => `${plainCall(random)}::text`])}${random.pick(['', '', ' AS x', ' AS "X"', ' y', ` ${random.pick(ALIASES)}`])}`
  return one(random, [
    () => `SELECT${gap(random)}${column()}`,
    () => `select ${several(random, 3, column, `,${gap(random)}`)}${random.pick(['', '', '', ' LIMIT 1'])}`,
    () =>
      `SELECT ${random.pick(['*', '*', '1', "true, 'a' AS b"])} FROM ${plainCall(random)}${random.pick(['', '', ' AS x', ' y'])}`,
  ])
}

function select(random: SeededRandom): string {
  const list = several(random, random.chance(0.7) ? 1 : 3, () => column(random), ', ')
  const head = random.pick([
    'SELECT',
    'SELECT',
    'SELECT',
    'select',
    'SELECT ALL',
    'SELECT DISTINCT',
    'SELECT DISTINCT ON (1)',
    'VALUES',
    'TABLE',
  ])
  const tail = random.chance(0.75)
    ? ''
    : one(random, [
        ' LIMIT 1',
        ' LIMIT 0',
        ' LIMIT ALL',
        ' LIMIT 1 OFFSET 1',
        ' WHERE true',
        ' FROM t',
        () => ` FROM ${call(random)}`,
        ' FOR UPDATE',
        ' INTO t',
        ' UNION SELECT 1',
        ' GROUP BY 1',
        ' ORDER BY 1',
        ' FETCH FIRST ROW ONLY',
        ' OFFSET 1',
        ' HAVING true',
      ])
  const from = (): string =>
    `SELECT ${random.pick(['*', '1', '1 AS one', 'x', 'x.*', "'a', true", '$1'])} FROM${gap(random)}${call(random)}${random.pick(ALIASES)}${random.pick(['', '', '', ' (a)', ' (a, b)', ' WITH ORDINALITY', ' (a int)', ', t', ' JOIN t ON true', ' WHERE true', ' LIMIT 1', ' TABLESAMPLE x(1)'])}`
  return one(random, [
    () => `${head}${gap(random)}${list}${tail}`,
    () => `${head} ${list}${tail}`,
    () => `${head} ${list}${tail}`,
    from,
    () => `(SELECT ${list})`,
  ])
}

function quoted(random: SeededRandom, text: string): string {
  return one(random, [
    `'${text.replaceAll("'", "''")}'`,
    `$$${text}$$`,
    `$b$${text}$b$`,
    () =>
      `E'${text
        .replaceAll('\\', '\\\\')
        .replaceAll("'", "\\'")
        .replaceAll(/[aeo]/g, (letter) =>
          random.chance(0.3) ? `\\x${letter.codePointAt(0)!.toString(16)}` : letter,
        )}'`,
    () => `U&'${escaped(random, text.replaceAll('\\', '\\\\').replaceAll("'", "''"), '\\')}'`,
    () => `'${text.slice(0, 8).replaceAll("'", "''")}'\n'${text.slice(8).replaceAll("'", "''")}'`,
  ])
}

const statement = (random: SeededRandom): string =>
  one(random, [
    () => select(random),
    () => select(random),
    () => select(random),
    () => select(random),
    () => select(random),
    () => `WITH x AS (${select(random)}) SELECT * FROM x`,
    () => `SELECT (${select(random)})`,
    () => `SELECT 1 WHERE ${call(random)}`,
    () => `EXPLAIN ANALYZE ${select(random)}`,
    () => `PREPARE p AS ${select(random)}`,
    () => `DECLARE c CURSOR FOR ${select(random)}`,
    () => `COPY (${select(random)}) TO STDOUT`,
    () => `CREATE VIEW v AS ${select(random)}`,
    () => `CREATE TABLE t AS ${select(random)}`,
    () => `INSERT INTO t ${select(random)}`,
    () => `INSERT INTO t (a) VALUES (${expression(random)})`,
    () => `UPDATE t SET a = ${expression(random)} WHERE ${call(random)}`,
    () => `DELETE FROM t WHERE a = ${expression(random)} RETURNING ${column(random)}`,
    () => `MERGE INTO t USING u ON ${call(random)} WHEN MATCHED THEN DO NOTHING`,
    () => `CALL ${call(random)}`,
    () => `SELECT * FROM t, LATERAL ${call(random)}`,
    () => `SELECT * FROM ROWS FROM (${call(random)}, f())`,
    () => `DO ${quoted(random, `BEGIN ${random.pick(['PERFORM', 'x :='])} ${call(random)}; END`)}`,
    () => `DO ${quoted(random, `BEGIN EXECUTE ${quoted(random, select(random))}; END`)}`,
    () => `DO LANGUAGE plpgsql ${quoted(random, `DECLARE a int := ${expression(random)}; BEGIN NULL; END`)}`,
    () => `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ${quoted(random, select(random))}`,
    () => `CREATE FUNCTION f() RETURNS int BEGIN ATOMIC ${select(random)}; ${select(random)}; END`,
    () => `CREATE FUNCTION f() RETURNS int RETURN ${call(random)}`,
    () => `CREATE RULE r AS ON INSERT TO t DO (${select(random)}; ${select(random)})`,
    () => `CREATE OPERATOR @@@ (FUNCTION = ${random.pick(FUNCTIONS)}, LEFTARG = int8)`,
    () => `CREATE TABLE t (a int DEFAULT ${expression(random)}, CHECK (${call(random)}))`,
    () => `CREATE INDEX i ON t (${call(random)})`,
    () => `SELECT ${quoted(random, select(random))}`,
    () => `SELECT f(${quoted(random, select(random))})`,
    () => `SELECT query_to_xml(${quoted(random, select(random))}, true, true, '')`,
    () =>
      `SET ${random.pick(['', 'LOCAL ', 'SESSION '])}${random.pick(['a.b', 'lock_timeout', 'search_path', 'TIME ZONE', 'NAMES', 'ROLE', 'transaction isolation level serializable', 'session authorization', 'session characteristics as transaction', 'schema', 'names', 'session', 'local', 'time', 'role', 'constraints all deferred', 'xml option document'])} ${random.pick(['', '=', 'TO', 'TO', 'FROM CURRENT'])} ${random.pick(['1', "'2s'", 'DEFAULT', 'x', 'a, b', '\'a\', "B"', 'on', '-1', '1.5', 'LOCAL', '', 'read only', 'all deferred', "interval '1' hour"])}`,
    () =>
      `${random.pick(['SHOW', 'RESET', 'DISCARD', 'LISTEN', 'UNLISTEN', 'NOTIFY', 'DEALLOCATE', 'CLOSE', 'EXECUTE', 'FETCH', 'LOCK', 'LOAD', 'CHECKPOINT'])} ${random.pick(['x', 'ALL', 'all', 'a.b', 'TIME ZONE', 'transaction isolation level', 'session authorization', '*', 'prepare p', "'x'", 'temp', 'plans', 'temporary', 'sequences', ''])}`,
    () =>
      `${random.pick(['BEGIN', 'START TRANSACTION', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'begin', 'start'])}${random.pick(['', '', ' WORK', ' TRANSACTION', ' ISOLATION LEVEL SERIALIZABLE', ' READ ONLY, DEFERRABLE', ' READ WRITE NOT DEFERRABLE', ' AND CHAIN', ' AND NO CHAIN', ' TO a', ' TO SAVEPOINT "b"', ' TO savepoint', " PREPARED 'x'", ' x', ' READ ONLY,', ' ISOLATION LEVEL READ UNCOMMITTED'])}`,
    () =>
      `${random.pick(['SAVEPOINT', 'RELEASE', 'RELEASE SAVEPOINT', 'ROLLBACK TO', 'ROLLBACK WORK TO', 'PREPARE TRANSACTION'])} ${random.pick(['a', '"A"', 'savepoint', "'g'", '', 'select', 'U&"\\0061"', 'a b', 'work'])}`,
    () => expression(random),
    () => call(random),
    '',
    '   ',
  ])

/** Returns up to three statements in one string. */
export function randomSql(random: SeededRandom): string {
  const text = random.chance(0.8)
    ? random.chance(0.4)
      ? plainSelect(random)
      : statement(random)
    : several(
        random,
        3,
        () => (random.chance(0.3) ? plainSelect(random) : statement(random)),
        random.pick([';', '; ', ' ;\n', ';;']),
      )
  const withEnd = random.chance(0.2) ? `${text};` : text
  return random.chance(0.25) ? mutated(random, withEnd) : withEnd
}

const SPLINTERS = [
  "'",
  "''",
  '"',
  '$$',
  '$a$',
  '/*',
  '*/',
  '--',
  '\n',
  ';',
  '\\',
  "\\'",
  "E'",
  "U&'",
  'U&"',
  '(',
  ')',
  ',',
  '::',
  '$1',
  '1',
  'pg_advisory_lock(1)',
  ' AS x',
  'e',
  'N',
  ' UESCAPE',
  '\u00a0',
  'é',
  '$',
  '@',
  '-',
  '.',
  '..',
  '=>',
  'B',
  '0x',
  '\r',
  '\v',
  '{',
  "' \n '",
  "' -- \n'",
]

/** Removes, doubles or adds a few characters. */
function mutated(random: SeededRandom, text: string): string {
  let result = text
  for (let i = 1 + random.below(3); i > 0; i--) {
    const at = random.below(result.length + 1)
    const rest = random.chance(0.5) ? at : Math.min(result.length, at + random.below(6))
    const put = random.chance(0.3) ? result.slice(at, at + random.below(20)) : random.pick(SPLINTERS)
    result = result.slice(0, at) + (random.chance(0.3) ? '' : put) + result.slice(rest)
  }
  return result
}
