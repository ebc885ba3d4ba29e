/** Ways in which a borrower changes its connection although no statement shows it. */
export interface Way {
  readonly name: string
  /** SQL that prepares the database. It is not sent through the pool. */
  readonly made?: string
  readonly statements: readonly string[]
  /** The leftovers that the pool must report. */
  readonly found: string
}

/** The leftovers of most ways. */
export const SET = 'changed settings: work_mem'

/** Each way has its own statement and its own table. */
export const WAYS: readonly Way[] = [
  { name: 'a function', statements: ['SELECT sets()'], found: SET },
  { name: 'a role in a function', statements: ['SELECT sets_role()'], found: 'changed settings: role' },
  { name: 'a lock in a function', statements: ['SELECT locks()'], found: 'advisory locks: 7 exclusive' },
  {
    name: 'a table in a function',
    statements: ['SELECT makes_temp()'],
    found: 'temporary tables: left_over',
  },
  {
    name: 'a subscription in a function',
    statements: ['SELECT listens()'],
    found: 'subscriptions: something',
  },
  {
    name: 'a statement in a function',
    statements: ['SELECT prepares()'],
    found: 'prepared statements: left_over',
  },
  {
    name: 'a setting with a dot',
    statements: [`SET my.tenant = '42'`],
    found: 'changed settings: my.tenant',
  },
  {
    name: 'another, in a DO',
    statements: [`DO $$ BEGIN SET my.tenant = '42'; END $$`],
    found: 'changed settings: my.tenant',
  },
  { name: 'a procedure', statements: ['CALL commits()'], found: SET },
  { name: 'VALUES', statements: ['VALUES (sets())'], found: SET },
  { name: 'WITH', statements: ['WITH it AS (SELECT sets() AS n) SELECT n FROM it'], found: SET },
  { name: 'EXPLAIN ANALYZE', statements: ['EXPLAIN ANALYZE SELECT sets()'], found: SET },
  {
    name: 'a text in a function of the server',
    statements: [`SELECT query_to_xml('SELECT sets()', true, true, '')`],
    found: SET,
  },
  {
    name: 'a cursor',
    statements: ['BEGIN', 'DECLARE c CURSOR FOR SELECT sets()', 'FETCH c', 'COMMIT'],
    found: SET,
  },
  {
    name: 'a cursor that stays',
    statements: ['BEGIN', `DECLARE c CURSOR WITH/**/HOLD FOR SELECT 1`, 'COMMIT'],
    found: 'open cursors: c',
  },
  {
    name: 'a prepared statement',
    statements: ['PREPARE p AS SELECT sets()', 'EXECUTE p', 'DEALLOCATE p'],
    found: SET,
  },
  {
    name: 'a view',
    made: 'CREATE VIEW v1 AS SELECT sets() AS n',
    statements: ['SELECT n FROM v1'],
    found: SET,
  },
  {
    name: 'a view of what is the server’s own',
    made: `CREATE VIEW v2 AS SELECT set_config('work_mem', '77MB', false) AS n`,
    statements: ['TABLE v2'],
    found: SET,
  },
  {
    name: 'a trigger that does it in one case',
    made: `CREATE TABLE t1 (id int); CREATE TRIGGER it AFTER INSERT ON t1 FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION sets_by_trigger()`,
    statements: ['INSERT INTO t1 VALUES ($1)'],
    found: SET,
  },
  {
    name: 'a trigger at the commit',
    made: `CREATE TABLE t2 (id int); CREATE CONSTRAINT TRIGGER it AFTER INSERT ON t2 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()`,
    statements: ['BEGIN', 'INSERT INTO t2 VALUES (1)', 'COMMIT'],
    found: SET,
  },
  {
    name: 'a trigger of a partition',
    made: `CREATE TABLE t3 (id int) PARTITION BY LIST (id); CREATE TABLE t3_2 PARTITION OF t3 FOR VALUES IN (2);
      CREATE TRIGGER it BEFORE INSERT ON t3_2 FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()`,
    statements: ['INSERT INTO t3 VALUES (2)'],
    found: SET,
  },
  {
    name: 'a trigger of a table that is deleted from by its key',
    made: `CREATE TABLE t4 (id int PRIMARY KEY); CREATE TABLE t4_row (id int REFERENCES t4 ON DELETE CASCADE);
      INSERT INTO t4 SELECT generate_series(1, 9); INSERT INTO t4_row SELECT generate_series(1, 9);
      CREATE TRIGGER it AFTER DELETE ON t4_row FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()`,
    statements: ['DELETE FROM t4 WHERE id = (SELECT min(id) FROM t4)'],
    found: SET,
  },
  {
    name: 'a default',
    made: 'CREATE TABLE t5 (id int, n int DEFAULT sets())',
    statements: ['INSERT INTO t5 (id) VALUES (1)'],
    found: SET,
  },
  {
    name: 'a default of the server’s own',
    made: `CREATE TABLE t6 (id int, n text DEFAULT set_config('work_mem', '77MB', false))`,
    statements: ['INSERT INTO t6 (id) VALUES (1)'],
    found: SET,
  },
  {
    name: 'a check',
    made: 'CREATE TABLE t7 (id int CHECK (sets(id)))',
    statements: ['UPDATE t7 SET id = 1', 'INSERT INTO t7 VALUES (1)'],
    found: SET,
  },
  {
    name: 'an index',
    made: `CREATE FUNCTION stays(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM sets(); RETURN $1; END $$; CREATE TABLE t8 (id int); CREATE INDEX ON t8 (stays(id))`,
    statements: ['INSERT INTO t8 VALUES (1)'],
    found: SET,
  },
  {
    name: 'a rule',
    made: 'CREATE TABLE t9 (id int); CREATE RULE it AS ON INSERT TO t9 DO ALSO SELECT sets()',
    statements: ['INSERT INTO t9 VALUES (1)'],
    found: SET,
  },
  {
    name: 'a domain',
    made: 'CREATE DOMAIN d1 AS int CHECK (sets(VALUE))',
    statements: ['SELECT 1::d1'],
    found: SET,
  },
  {
    name: 'a column of a domain',
    made: 'CREATE DOMAIN d2 AS int CHECK (sets(VALUE)); CREATE TABLE t10 (id d2)',
    statements: ['INSERT INTO t10 VALUES (1)'],
    found: SET,
  },
  {
    name: 'a function that looks like a column',
    made: `CREATE TABLE t11 (id int); INSERT INTO t11 VALUES (1); CREATE FUNCTION looks_like_a_column(t11) RETURNS int LANGUAGE sql AS 'SELECT sets()'`,
    statements: ['SELECT it.looks_like_a_column FROM t11 AS it'],
    found: SET,
  },
  {
    name: 'a function that is named as one of the server’s own',
    made: `CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'SELECT sets()'`,
    statements: ['SELECT lower(1)'],
    found: SET,
  },
]
