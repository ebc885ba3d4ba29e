/** `tx.lockRows` finds rows with the equality operator of the column's type, and never with one that the search path finds. */
import { beforeAll, expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

beforeAll(async () => {
  // A type with its own equality operator, as extensions define them.
  await world.database.query(`
    CREATE SCHEMA extra;
    CREATE TYPE extra.nocase;
    CREATE FUNCTION extra.nocase_in(cstring) RETURNS extra.nocase LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION extra.nocase_out(extra.nocase) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE extra.nocase (INPUT = extra.nocase_in, OUTPUT = extra.nocase_out, LIKE = text, CATEGORY = 'S');
    CREATE CAST (extra.nocase AS text) WITHOUT FUNCTION AS IMPLICIT;
    CREATE FUNCTION extra.same(a extra.nocase, b extra.nocase) RETURNS bool LANGUAGE sql IMMUTABLE
      AS 'SELECT pg_catalog.lower(a::text) OPERATOR(pg_catalog.=) pg_catalog.lower(b::text)';
    CREATE OPERATOR extra.= (function = extra.same, leftarg = extra.nocase, rightarg = extra.nocase);
    CREATE DOMAIN extra.word AS extra.nocase;
    CREATE TYPE extra.mood AS ENUM ('glad', 'sad');
    CREATE TABLE person (id int, name extra.nocase, nick extra.word, mood extra.mood, tags text[], born date, code char(3));
    INSERT INTO person VALUES
      (1, 'Ann', 'Annie', 'glad', '{a,b}', '2000-01-01', 'x'), (2, 'BOB', 'Bobby', 'sad', '{}', NULL, 'y');
    CREATE VIEW people AS SELECT * FROM person`)
})

test.each<readonly [Readonly<Record<string, unknown>>, readonly number[]]>([
  [{ name: 'ann' }, [1]],
  [{ name: ['ANN', 'bob'], id: [1, 2, 3] }, [1, 2]],
  [{ nick: 'ANNIE', mood: 'glad' }, [1]],
  [{ mood: ['sad', 'glad'] }, [1, 2]],
  [{ born: '2000-01-01', code: 'x' }, [1]],
  [{ name: 'ann', born: null }, []],
  [{ born: null }, [2]],
  [{ name: 'nobody' }, []],
  [{}, [1, 2]],
])('%j finds %j, as = does in a statement', async (where, expected) => {
  const locks = world.pool()
  for (const table of ['person', 'public.person', 'people']) {
    const rows = await locks.transaction((tx) => tx.lockRows<{ id: number }>(table, where))
    expect(
      rows.map(({ id }) => id).toSorted((a, b) => a - b),
      table,
    ).toEqual(expected)
  }
})

test('a row that the operator of its own type finds is locked, and no other', async () => {
  const [locks, others] = [world.pool(), world.pool()]
  await locks.transaction(async (tx) => {
    await tx.lockRows('person', { name: 'ann' })
    const left = await others.transaction((tx_) =>
      tx_.lockRows<{ id: number }>('person', {}, { wait: 'skip locked' }),
    )
    expect(left.map(({ id }) => id)).toEqual([2])
  })
})

test('errors have the words of the server', async () => {
  const locks = world.pool()
  await locks.transaction(async (tx) => {
    expect(await rejection(tx.lockRows('nothing', { id: 1 }))).toMatchObject({ code: '42P01' })
    expect(await rejection(tx.lockRows('person', { nothing: 1 }))).toMatchObject({ code: '42703' })
    expect(await rejection(tx.lockRows('person', { id: 'x' }))).toMatchObject({ code: '22P02' })
    expect(await tx.lockRows('person', { id: 1 })).toHaveLength(1)
  })
})

test('a better-matching operator of another owner is not called', async () => {
  await world.database.query(`
    CREATE TABLE orders (id int, name varchar);
    INSERT INTO orders VALUES (1, 'one');
    CREATE FUNCTION takes(varchar, varchar) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
    CREATE OPERATOR public.= (function = takes, leftarg = varchar, rightarg = varchar)`)
  const found = await world.pool().transaction((tx) => tx.lockRows('orders', { name: 'one' }))

  expect(found).toHaveLength(1)
  // Hand-written SQL does call that operator.
  const byHand = world.database.query(`SELECT FROM orders WHERE name = 'one'::varchar`)
  expect(await rejection(byHand)).toMatchObject({ message: 'called' })
})
