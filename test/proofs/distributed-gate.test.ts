/**
 * Once the epoch of a member was raised, no earlier statement of it takes effect, in every isolation level: not one that
 * began before, nor one that is sent afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CREATE_DISTRIBUTED } from '../../src/dialect/postgres/distributed/schema-sql.js'
import { MAKE_ROWS, WRITE_ROWS } from '../../src/dialect/postgres/distributed/lease-sql.js'
import { RAISE_EPOCH, RAISE_FLOOR_OF_GATE } from '../../src/dialect/postgres/distributed/member-sql.js'
import { createDatabase, type TestDatabase } from '../support/database.js'

const ME = '5000000000'
const WRITE = [ME, '0', ['7'], ['1'], ['2'], [ME], ['1024'], [''], ['']]
const MAKE = [ME, '0', ['8'], [ME], [''], ['']]

const OF_GATE = [
  ['its epoch', RAISE_EPOCH, [ME, '1']],
  ['its floor', RAISE_FLOOR_OF_GATE, [ME, '4096']],
] as const

describe.each(['serializable', 'repeatable read', 'read committed'])('%s', (isolation) => {
  let database: TestDatabase
  let first: pg.Client
  let second: pg.Client

  beforeAll(async () => {
    database = await createDatabase()
    const name = new URL(database.url).pathname.slice(1)
    await database.query(`ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`)
    first = new pg.Client(database.url)
    second = new pg.Client(database.url)
    await Promise.all([first.connect(), second.connect()])
    for (const statement of CREATE_DISTRIBUTED) await first.query(statement)
  })

  afterAll(async () => {
    await Promise.all([first.end(), second.end()])
    await database.drop()
  })

  async function begin(): Promise<void> {
    await first.query('DELETE FROM lockpool.dist_lease')
    await first.query('DELETE FROM lockpool.dist_gate')
    await first.query('INSERT INTO lockpool.dist_gate VALUES ($1, 0, 0)', [ME])
    await first.query(`INSERT INTO lockpool.dist_lease VALUES (7, 1, 0, '', '', 0)`)
  }

  async function owners(): Promise<string[]> {
    const { rows } = await first.query<{ owner: string }>(
      'SELECT owner FROM lockpool.dist_lease ORDER BY key',
    )
    return rows.map(({ owner }) => owner)
  }

  test.each([
    ['writes', WRITE_ROWS, WRITE, [ME]],
    ['creates', MAKE_ROWS, MAKE, ['0', ME]],
  ] as const)(
    'raising waits for a statement that %s a row and has passed the gate',
    async (_, text, values, after) => {
      for (const [what, raise, raised] of OF_GATE) {
        await begin()
        await first.query('BEGIN')
        expect((await first.query(text, [...values])).rowCount).toBe(1)
        let isRaised = false
        const raising = second.query(raise, [...raised]).then(() => (isRaised = true))
        await pause(100)
        expect(isRaised, what).toBe(false)
        await first.query('COMMIT')
        await raising
        expect(await owners()).toEqual(after)
      }
    },
  )

  test.each([
    ['writes', WRITE_ROWS, WRITE],
    ['creates', MAKE_ROWS, MAKE],
  ] as const)(
    'a statement that %s a row and finds the epoch being raised changes nothing',
    async (_, text, values) => {
      await begin()
      await second.query('BEGIN')
      await second.query(RAISE_EPOCH, [ME, '1'])
      const late = first.query(text, [...values]).then(
        ({ rowCount }) => rowCount,
        (error: { code: string }) => error.code,
      )
      await pause(100)
      await second.query('COMMIT')

      expect(await late).toBe(isolation === 'read committed' ? 0 : '40001')
      expect(await owners()).toEqual(['0'])
      expect((await first.query(text, [...values])).rowCount, 'a later one').toBe(0)
    },
  )
})
