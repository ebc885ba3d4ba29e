/** What borrowers leave without a word of it in any of their statements: behind functions, views, triggers, operators. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { LeasedConnection } from '../../src/dialect/postgres/leased-connection.js'
import type { PostgresPool } from '../../src/dialect/postgres/postgres-pool.js'
import type { PoolEvents } from '../../src/pool/pool-events.js'
import { createDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

beforeAll(async () => {
  await world.database.query(`
    CREATE FUNCTION sets() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('work_mem', '77MB', false); RETURN 1; END $$;
    CREATE FUNCTION sets(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM sets(); RETURN true; END $$;
    CREATE FUNCTION sets_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM sets(); RETURN NEW; END $$;
    CREATE FUNCTION sets_role() RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET ROLE pg_monitor; RETURN 1; END $$;
    CREATE FUNCTION locks() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM (SELECT pg_advisory_lock(7)) AS it';
    CREATE FUNCTION makes_temp() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE left_over (); RETURN 1; END $$;
    CREATE FUNCTION listens() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'LIS' || 'TEN something'; RETURN 1; END $$;
    CREATE FUNCTION prepares() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'PRE' || 'PARE left_over AS SELECT 1'; RETURN 1; END $$;
    CREATE FUNCTION sets_custom() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('my.tenant', '42', false); RETURN 1; END $$;
    CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN PERFORM sets(); COMMIT; END $$;
    CREATE TABLE plain (id int, name text);
    INSERT INTO plain VALUES (1, 'one')`)
})

/** What is as it is on a fresh connection. */
const CLEAN = `
  SELECT current_setting('work_mem') <> '77MB' AS work_mem, current_user = session_user AS role,
    NOT EXISTS (SELECT FROM pg_listening_channels()) AS listening, to_regclass('left_over') IS NULL AS tables,
    NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    NOT EXISTS (SELECT FROM pg_prepared_statements WHERE from_sql) AS prepared,
    NOT EXISTS (SELECT FROM pg_cursors WHERE is_holdable) AS cursors,
    coalesce(current_setting('my.tenant', true), '') = '' AS custom`

interface Way {
  readonly name: string
  /** Made before, and not through the pool. */
  readonly made?: string
  readonly statements: readonly string[]
  /** As it is told; not at all where nothing is left. */
  readonly found: string | null
}

const SET = 'changed settings: work_mem'

/** Each statement is its own; so is each table. */
const WAYS: readonly Way[] = [
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

function cleanedOf(connections: PostgresPool): PoolEvents['connection:cleaned'][] {
  const cleaned: PoolEvents['connection:cleaned'][] = []
  connections.on('connection:cleaned', (event) => cleaned.push(event))
  return cleaned
}

/** Sends them as one borrower. Values are for those that take some. */
async function borrow(
  connections: PostgresPool,
  statements: readonly string[],
  value: number,
): Promise<void> {
  await connections.use(async (connection: LeasedConnection) => {
    for (const text of statements) await connection.query(text, text.includes('$1') ? [value] : [])
  })
}

async function expectClean(connections: PostgresPool): Promise<void> {
  const [row] = (await connections.query(CLEAN)).rows
  expect(Object.entries(row!).filter(([, isClean]) => isClean !== true)).toEqual([])
}

describe('what is left by', () => {
  test.each(WAYS)(
    '$name is cleaned and told, whatever was there before',
    async ({ made, statements, found }) => {
      if (made !== undefined) await world.database.query(made)
      const { connections } = world.pool({ max: 2 })
      const cleaned = cleanedOf(connections)

      // One after the other, and with nothing in between: the first that does nothing does not speak for the next.
      for (const value of [1, 2, 2]) {
        await borrow(connections, statements, value)
        await expectClean(connections)
      }

      // A look is taken once a second for each text, unless it has always found something.
      const again = async (): Promise<number> => {
        await borrow(connections, statements, 2)
        return cleaned.length
      }
      await expect.poll(again, { timeout: 10_000 }).toBeGreaterThan(0)
      expect(new Set(cleaned.flatMap((event) => event.found))).toEqual(new Set([found]))
      expect(cleaned[0]!.where).toMatch(/dirt-unseen\.test\.ts/)
      expect(connections.counts().opened, 'on one and the same connection').toBe(1)
    },
  )

  test('operators of users, of which no name is seen', async () => {
    await using database = await freshDatabase(`
      CREATE FUNCTION sets_two(int, int) RETURNS bool LANGUAGE plpgsql
        AS $$ BEGIN PERFORM set_config('work_mem', '77MB', false); RETURN true; END $$;
      CREATE OPERATOR === (function = sets_two, leftarg = int, rightarg = int)`)
    const { connections } = world.pool({ connection: database.url, max: 2 })
    for (let i = 0; i < 3; i++) {
      await borrow(connections, ['SELECT 1 === 2'], 0)
      await expectClean(connections)
    }
  })
})

test('what is known to leave nothing is not asked about, and known no longer when it has been given a trigger', async () => {
  await world.database.query('CREATE TABLE changes (id int)')
  const { connections } = world.pool({ max: 2 })
  const insert = (): Promise<void> => borrow(connections, ['INSERT INTO changes VALUES (1)'], 0)
  const lastHeard = async (): Promise<string> => {
    const pid = await connections.use((connection) => connection.processID)
    await insert()
    const { rows } = await world.database.query<{ query: string }>(
      'SELECT query FROM pg_stat_activity WHERE pid = $1',
      [pid],
    )
    return rows[0]!.query
  }
  await expect.poll(lastHeard).toBe('INSERT INTO changes VALUES (1)')

  await world.database.query(
    'CREATE TRIGGER it AFTER INSERT ON changes FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()',
  )

  // Somebody else has made it: it takes a second to be known. What got through until then is found as well.
  await expect
    .poll(
      async () => {
        await insert()
        return (await connections.query<{ work_mem: boolean }>(CLEAN)).rows[0]!.work_mem
      },
      { timeout: 10_000, interval: 200 },
    )
    .toBe(true)
  for (let i = 0; i < 5; i++) {
    await insert()
    await expectClean(connections)
  }
})

test('what several connections were left with, before it was known, nobody finds on any of them', async () => {
  await world.database.query('CREATE TABLE late (id int)')
  const { connections } = world.pool({ max: 4 })
  const insert = async (): Promise<void> => {
    const all = await Promise.all([1, 2, 3].map(() => connections.connect()))
    await Promise.all(all.map((each) => each.query('INSERT INTO late VALUES (1)')))
    for (const each of all) each.release()
  }
  for (let i = 0; i < 3; i++) await insert()
  await world.database.query(
    'CREATE TRIGGER it AFTER INSERT ON late FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()',
  )
  await insert()
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await connections.query('SELECT id FROM late')
  await connections.query('SELECT id FROM late')

  const all = await Promise.all([1, 2, 3].map(() => connections.connect()))
  for (const each of all) expect((await each.query(CLEAN)).rows[0]).toMatchObject({ work_mem: true })
  for (const each of all) each.release()
})

test('a trigger that is made through the pool is known at once', async () => {
  await world.database.query('CREATE TABLE made (id int)')
  const { connections } = world.pool({ max: 2 })
  for (let i = 0; i < 5; i++) await borrow(connections, ['INSERT INTO made VALUES (1)'], 0)

  await connections.query(
    'CREATE TRIGGER it AFTER INSERT ON made FOR EACH ROW EXECUTE FUNCTION sets_by_trigger()',
  )
  await borrow(connections, ['INSERT INTO made VALUES (1)'], 0)

  await expectClean(connections)
})

test('a connection is lent again at once where only a function may have left something', async () => {
  const { connections } = world.pool({ max: 2 })
  const cleaned = cleanedOf(connections)
  const first = await connections.connect()
  await first.query('SELECT sets()')

  first.release()

  expect(connections.idleCount).toBe(1)
  const second = await connections.connect()
  expect(second.processID).toBe(first.processID)
  expect((await second.query(CLEAN)).rows[0]).toMatchObject({ work_mem: true })
  expect(cleaned).toMatchObject([{ found: [SET] }])
  second.release()
})

test('who borrows it then and asks nothing, or closes it, is in nobody’s way', async () => {
  const { connections } = world.pool({ max: 2 })
  for (const destroy of [false, true]) {
    const cleaned = cleanedOf(connections)
    const first = await connections.connect()
    await first.query('SELECT sets()')
    first.release()
    const second = await connections.connect()
    second.release(destroy)
    await expectClean(connections)
    expect(cleaned.flatMap(({ found }) => found)).toEqual(destroy ? expect.any(Array) : [SET])
  }
})

test('what can not be cleaned is used by nobody any more', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  await first.query('SELECT sets()')

  await world.database.query(`
    CREATE FUNCTION ends() RETURNS int LANGUAGE plpgsql
      AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN 1; END $$`)
  await first.query('SELECT ends()').catch(() => undefined)
  first.release()

  await expectClean(connections)
  expect(await connections.use(({ processID }) => processID)).not.toBe(first.processID)
})

async function freshDatabase(made: string): Promise<Awaited<ReturnType<typeof createDatabase>>> {
  const database = await createDatabase()
  await database.query(made)
  return database
}
