/**
 * Session state that borrowers leave although none of their statements shows it: functions, views, triggers and
 * operators change it.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { LeasedConnection } from '../../src/dialect/postgres/pool/leased-connection.js'
import type { PostgresPool } from '../../src/dialect/postgres/pool/pool.js'
import type { PoolEvents } from '../../src/pool/pool-events.js'
import { createDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'
import { SET, WAYS } from '../support/ways-to-leave.js'

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

/** Each column is true if its part of the session is as on a fresh connection. */
const CLEAN = `
  SELECT current_setting('work_mem') <> '77MB' AS work_mem, current_user = session_user AS role,
    NOT EXISTS (SELECT FROM pg_listening_channels()) AS listening, to_regclass('left_over') IS NULL AS tables,
    NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    NOT EXISTS (SELECT FROM pg_prepared_statements WHERE from_sql) AS prepared,
    NOT EXISTS (SELECT FROM pg_cursors WHERE is_holdable) AS cursors,
    coalesce(current_setting('my.tenant', true), '') = '' AS custom`

function cleanedOf(connections: PostgresPool): PoolEvents['connection:cleaned'][] {
  const cleaned: PoolEvents['connection:cleaned'][] = []
  connections.on('connection:cleaned', (event) => cleaned.push(event))
  return cleaned
}

/** Sends the statements as one borrower. `value` is the parameter of statements that have one. */
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

describe('the state that is left by', () => {
  test.each(WAYS)(
    '$name is reset and reported, whatever was there before',
    async ({ made, statements, found }) => {
      if (made !== undefined) await world.database.query(made)
      const { connections } = world.pool({ max: 2 })
      const cleaned = cleanedOf(connections)

      // The borrowers follow each other directly. If the statement leaves nothing with one value, the pool must not
      // trust it with the next value.
      for (const value of [1, 2, 2]) {
        await borrow(connections, statements, value)
        await expectClean(connections)
      }

      // The pool asks once a second what a statement has left, and more often only if the last answer was that it left
      // something.
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

test('the pool does not ask about statements that leave nothing, and asks again once a trigger was added', async () => {
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

  // Another session created the trigger, so the pool notices it up to a second later. It then also resets what was left before.
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

test('state that several connections had before it was known is found on none of them afterwards', async () => {
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

test('a connection is checked out again at once if only a function may have left something', async () => {
  const { connections } = world.pool({ max: 2 })
  const cleaned = cleanedOf(connections)
  const first = await connections.connect()
  await first.query('SELECT sets()')

  first.release()

  expect(connections.idleCount).toBe(1)
  const second = await connections.connect()
  expect(second.processID).toBe(first.processID)
  expect((await second.query(CLEAN)).rows[0]).toMatchObject({ work_mem: true })
  await expect.poll(() => cleaned).toMatchObject([{ found: [SET] }])
  second.release()
})

test('a borrower that runs nothing, or closes it, blocks no other caller', async () => {
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

test('a connection that cannot be reset is not used again', async () => {
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
