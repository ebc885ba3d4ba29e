/** Deadlocks of which one part is in the front, and another in the server. */
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { ServeOrder } from '../../src/cli/serve/serve-order.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js'
import { ask, serveWorld, type Answer, type TestFront } from '../support/serve-world.js'

const world = serveWorld()

const PASS: Partial<ServeOrder> = { others: { kind: 'pass' } }
const DEADLOCK = '40P01 deadlock detected'

async function rows(): Promise<void> {
  await world.database.query('DROP TABLE IF EXISTS d')
  await world.database.query('CREATE TABLE d (id int PRIMARY KEY, n int)')
  await world.database.query('INSERT INTO d SELECT id, 0 FROM generate_series(1, 9) AS id')
}

const update = (id: number): string => `UPDATE d SET n = n + 1 WHERE id = ${id}`

/** One client has a row and waits for the lock of the other, which waits for the row. Returns their answers. */
async function lockAgainstRow(front: TestFront, word = 'pg_advisory_lock'): Promise<Answer[]> {
  await rows()
  const [holder, owner] = [await world.client(front), await world.client(front)]
  if (word.includes('xact')) await ask(holder, 'BEGIN')
  await ask(holder, `SELECT ${word}(804)`)
  await ask(owner, 'BEGIN')
  await ask(owner, update(1))
  const waiting = ask(owner, `SELECT ${word}(804)`)
  const writing = ask(holder, update(1))
  // The writer continues although the refused client has not sent ROLLBACK yet.
  const answers = [await waiting, await writing]
  await ask(owner, 'ROLLBACK')
  await ask(holder, 'COMMIT')
  return answers
}

describe('a deadlock between a lock of the front and a row', () => {
  test('ends with 40P01 for the client that has the row, and the other one continues', async () => {
    expect(await lockAgainstRow(await world.front(PASS))).toEqual([DEADLOCK, []])
    expect(await world.isFree(804)).toBe(false)
  })

  test('is found if both hold their locks in transactions', async () => {
    expect(await lockAgainstRow(await world.front(PASS), 'pg_advisory_xact_lock')).toEqual([DEADLOCK, []])
    expect(await world.isFree(804)).toBe(true)
  })

  test('is found if the other statements go to another address', async () => {
    const front = await world.front({ others: { kind: 'url', url: world.database.url } })
    expect(await lockAgainstRow(front)).toEqual([DEADLOCK, []])
  })

  test('is found through three clients, and a client that waits for one of them is not refused', async () => {
    await rows()
    const front = await world.front({ ...PASS, max: 5 })
    const [one, two, three, outside] = await Promise.all(Array.from({ length: 4 }, () => world.client(front)))
    await ask(one!, 'SELECT pg_advisory_lock(1)')
    await ask(two!, 'SELECT pg_advisory_lock(2)')
    await ask(three!, 'BEGIN')
    await ask(three!, update(3))
    await ask(outside!, 'BEGIN')
    await ask(outside!, update(4))
    const waits = [
      ask(outside!, 'SELECT pg_advisory_lock(2)'),
      ask(one!, update(3)),
      ask(two!, 'SELECT pg_advisory_lock(1)'),
      ask(three!, 'SELECT pg_advisory_lock(2)'),
    ]
    expect([await waits[3], await waits[1]]).toEqual([DEADLOCK, []])
    await ask(one!, 'SELECT pg_advisory_unlock(1)')
    expect(await waits[2]).toEqual([['']])
    await ask(two!, 'SELECT pg_advisory_unlock(2)')
    expect(await waits[0]).toEqual([['']])
    await ask(outside!, 'ROLLBACK')
  })

  test('is found if a pinned connection has the lock', async () => {
    await rows()
    const front = await world.front({ ...PASS, mayPin: true })
    const [pinned, other] = [await world.client(front), await world.client(front)]
    await ask(pinned, 'SELECT count(pg_advisory_lock(id)) FROM d WHERE id = 7')
    await ask(other, 'SELECT pg_advisory_lock(8)')
    const waiting = ask(pinned, 'SELECT pg_advisory_lock(8)')
    const also = ask(other, 'SELECT pg_advisory_lock(7)')
    expect(await waiting).toBe(DEADLOCK)
    await pinned.end()
    expect(await also).toEqual([['']])
  })

  test('is none while the row is only held for long', async () => {
    await rows()
    const front = await world.front(PASS)
    const [holder, owner] = [await world.client(front), await world.client(front)]
    await ask(holder, 'SELECT pg_advisory_lock(804)')
    await ask(owner, 'BEGIN')
    await ask(owner, update(1))
    await world.database.query('BEGIN')
    await world.database.query(update(2))
    const waiting = ask(owner, 'SELECT pg_advisory_lock(804)')
    const writing = ask(holder, `${update(2)}; SELECT pg_advisory_unlock(804)`)
    await new Promise((resolve) => setTimeout(resolve, 3500))
    await world.database.query('ROLLBACK')
    expect([await writing, await waiting]).toEqual([[[true]], [['']]])
    await ask(owner, 'ROLLBACK')
  })

  test.skipIf(!hasPgBouncer)('is not found through a pooler, and a time limit ends it', async () => {
    await using bouncer = await PgBouncer.to(world.database.url, { pool_mode: 'transaction' })
    const front = await world.front({ others: { kind: 'url', url: bouncer.url } })
    await rows()
    const [holder, owner] = [await world.client(front), await world.client(front)]
    await ask(holder, 'SELECT pg_advisory_lock(804)')
    await ask(owner, "SET lock_timeout = '4s'")
    await ask(owner, 'BEGIN')
    await ask(owner, update(1))
    const waiting = ask(owner, 'SELECT pg_advisory_lock(804)')
    const writing = ask(holder, update(1))
    expect([await waiting, await writing]).toEqual([expect.stringMatching(/^55P03 /), []])
    await ask(owner, 'ROLLBACK')
    await front.front.drain(Promise.resolve())
  })
})

describe('a lock that is refused in a transaction', () => {
  async function refusedLock(statements: readonly string[]): Promise<pg.Client> {
    await rows()
    const owner = await world.client(await world.front(PASS))
    for (const statement of ['BEGIN', ...statements, "SET LOCAL lock_timeout = '10ms'"])
      await ask(owner, statement)
    await world.database.query('SELECT pg_advisory_lock(1)')
    expect(await ask(owner, 'SELECT pg_advisory_lock(1)')).toMatch(/^55P03 /)
    await world.database.query('SELECT pg_advisory_unlock(1)')
    return owner
  }

  const isRowFree = async (id: number): Promise<boolean> =>
    (await world.database.query(`SELECT 1 FROM d WHERE id = ${id} FOR UPDATE SKIP LOCKED`)).rows.length === 1

  test('frees the rows of the transaction at once', async () => {
    const owner = await refusedLock([update(1)])
    expect(await isRowFree(1)).toBe(true)
    expect(await ask(owner, 'SELECT n FROM d')).toMatch(/^25P02 /)
    expect((await owner.query('COMMIT')).command).toBe('ROLLBACK')
    expect(await ask(owner, 'SELECT n FROM d WHERE id = 1')).toEqual([[0]])
  })

  test('frees only the rows since the last savepoint, to which the client may go back', async () => {
    const owner = await refusedLock([update(1), 'SAVEPOINT "a b"', update(2)])
    expect([await isRowFree(1), await isRowFree(2)]).toEqual([false, true])
    await ask(owner, 'ROLLBACK TO "a b"')
    await ask(owner, update(3))
    await ask(owner, 'COMMIT')
    expect(await ask(owner, 'SELECT n FROM d WHERE id < 4 ORDER BY id')).toEqual([[1], [0], [1]])
  })
})
