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

  test('that fails admits no client, and explains the reason to the operator, not to the client', async () => {
    const front = await world.front({ authQuery: 'SELECT nothing FROM nowhere WHERE $1 = 1' })
    expect(await logIn(front, 'app', 'secret')).toBe('58000')
    expect(front.told.join()).toContain('nowhere')
  })
})
