import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ask, serveWorld, type TestFront } from '../../support/serve-world.js'

const world = serveWorld()

const SHADOW = 'SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1'

async function logIn(front: TestFront, user: string, password: string): Promise<unknown> {
  try {
    return await ask(await world.client(front, { user, password }), 'SELECT current_user')
  } catch (error) {
    return (error as pg.DatabaseError).code
  }
}

async function withRoles(names: readonly string[], run: (names: string[]) => Promise<void>): Promise<void> {
  const own = names.map((name) => `${name}_${process.pid}`)
  await world.database.query(own.map((name) => `CREATE ROLE ${name} LOGIN PASSWORD 'secret'`).join(';'))
  try {
    await run(own)
  } finally {
    await world.database.query(own.map((name) => `DROP ROLE ${name}`).join(';'))
  }
}

describe('--auth-query', () => {
  test('accepts users with a password in the database, as soon as they have one, and no others', async () => {
    const front = await world.front({ authQuery: SHADOW })
    await withRoles(['asked'], async ([name]) => {
      expect(await logIn(front, name!, 'secret')).toEqual([[name]])
      expect(await logIn(front, name!, 'wrong')).toBe('28P01')
      await world.database.query(`ALTER ROLE ${name} PASSWORD 'other'`)
      expect(await logIn(front, name!, 'secret')).toBe('28P01')
      expect(await logIn(front, name!, 'other')).toEqual([[name]])
      await world.database.query(`ALTER ROLE ${name} PASSWORD NULL`)
      expect(await logIn(front, name!, 'other')).toBe('28P01')
    })
    expect(await logIn(front, "no'body", 'secret')).toBe('28P01')
  })

  test('that returns more than one row admits no client', async () => {
    const authQuery = `${SHADOW} UNION ALL ${SHADOW}`
    const front = await world.front({ authQuery })
    await withRoles(['twice'], async ([name]) => expect(await logIn(front, name!, 'secret')).toBe('28P01'))
  })

  test.each([
    ['that is no SQL', 'SELEC $1', /syntax error/],
    [
      'of a table that does not exist',
      'SELECT name, secret FROM nowhere WHERE name = $1',
      /"nowhere" does not exist/,
    ],
    ['without $1', 'SELECT usename, passwd FROM pg_shadow', /must use \$1/],
    ['without a secret', 'SELECT usename FROM pg_shadow WHERE usename = $1', /two columns/],
  ])('%s ends the front at its start', async (_, authQuery, reason) => {
    await expect(world.front({ authQuery })).rejects.toThrow(reason)
  })

  test('that the role of the front may not run ends the front at its start, and is not run for that', async () => {
    const { query } = world.database
    await query.call(world.database, 'CREATE TABLE calls (name text)')
    await query.call(
      world.database,
      `CREATE FUNCTION logins(name text, OUT usename text, OUT passwd text) LANGUAGE sql AS
       $$ INSERT INTO calls VALUES ($1); SELECT 'a', 'b' $$`,
    )
    const authQuery = 'SELECT usename, passwd FROM logins($1)'
    await withRoles(['weak'], async ([name]) => {
      const weak = new URL(world.database.url)
      weak.username = name!
      weak.password = 'secret'
      await world.database.query('REVOKE ALL ON FUNCTION logins FROM PUBLIC')
      await expect(world.front({ authQuery }, weak.href)).rejects.toThrow(
        'permission denied for function logins',
      )
    })
    await world.front({ authQuery })
    expect((await world.database.query('SELECT * FROM calls')).rows).toEqual([])
    await world.database.query('DROP FUNCTION logins; DROP TABLE calls')
  })

  test('that fails later admits no client, and explains the reason to the operator, not to the client', async () => {
    await world.database.query('CREATE TABLE nowhere (nothing text)')
    const front = await world.front({ authQuery: 'SELECT nothing, nothing FROM nowhere WHERE nothing = $1' })
    await world.database.query('DROP TABLE nowhere')
    expect(await logIn(front, 'app', 'secret')).toBe('58000')
    expect(front.told.join()).toContain('nowhere')
  })
})
