import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { afterEach, describe, expect, test } from 'vitest'
import { lockpool } from '../support/command-line.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

/** The name of the package mpyw/laravel-database-advisory-lock for a key, as docs/guides/migrating.md derives it. */
function laravelName(key: string): string {
  if (Buffer.byteLength(key) <= 64) return key
  return key.slice(0, 24) + createHash('sha1').update(key).digest('hex')
}

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'names of GET_LOCK as keys', () => {
  const world = mariaDbWorld()
  const others: Connection[] = []

  afterEach(async () => {
    await Promise.all(others.splice(0).map((other) => other.end()))
  })

  /** A program in another language. */
  async function other(): Promise<{ ask(sql: string, ...values: unknown[]): Promise<unknown> }> {
    const connection = await createConnection(world.url)
    others.push(connection)
    return {
      ask: async (sql, ...values) => {
        const [rows] = await connection.query<RowDataPacket[]>(`SELECT ${sql} AS answer`, values)
        return (rows[0] as { answer: unknown }).answer
      },
    }
  }

  const LONG = 'reports for the customers of the northern region, all of them, every night'

  test.each([
    ['with_advisory_lock of Rails', 'Tag::rebuild hierarchy', 'GET_LOCK(?, 0)', 'Tag::rebuild hierarchy'],
    ['its prefix', 'production:rebuild', `GET_LOCK(CONCAT('production:', ?), 0)`, 'rebuild'],
    [
      'the lock of migrations of Rails',
      String(2053462845n * BigInt(crc32('shop'))),
      'GET_LOCK(CAST(2053462845 * CRC32(?) AS CHAR), 0)',
      'shop',
    ],
    [
      'a short key of laravel-database-advisory-lock',
      laravelName('report'),
      'GET_LOCK(CASE WHEN LENGTH(?) > 64 THEN 1 ELSE ? END, 0)',
      'report',
    ],
    [
      'a long key of it',
      laravelName(LONG),
      'GET_LOCK(CASE WHEN LENGTH(?) > 64 THEN CONCAT(SUBSTR(?, 1, 24), SHA1(?)) ELSE ? END, 0)',
      LONG,
    ],
  ])('%s and lockpool exclude each other', async (_, name, sql, key) => {
    const theirs = await other()
    const values = Array.from({ length: sql.split('?').length - 1 }, () => key)
    const [locks, more] = [world.pool(), world.pool({ namespace: 'elsewhere' })]

    const lock = await locks.acquire([name])
    expect(lock.token).toBeGreaterThan(0n)
    expect(await theirs.ask(sql, ...values)).toBe(0)
    expect(await more.tryAcquire([name])).toBeNull()
    await lock.release()

    expect(await theirs.ask(sql, ...values)).toBe(1)
    expect(await locks.tryAcquire([name])).toBeNull()
    // Their release wakes no waiter of lockpool, which finds out by polling.
    const waiting = locks.acquire([name])
    const last = more.acquire([name])
    expect(await theirs.ask('RELEASE_ALL_LOCKS()')).toBe(1)
    const first = await Promise.race([waiting, last])
    await first.release()
    for (const each of [await waiting, await last]) if (each !== first) await each.release()
  })

  test('a waiter that holds its place for a raw name is shown as a waiter', async () => {
    const theirs = await other()
    expect(await theirs.ask(`GET_LOCK('shared name', 0)`)).toBe(1)
    const locks = world.pool()
    const waiting = locks.acquire(['shared name'])
    await expect
      .poll(async () => (await locks.inspect()).map(({ title, waiters }) => [title, waiters.length]))
      .toEqual([['shared name', 1]])
    expect(await theirs.ask(`RELEASE_LOCK('shared name')`)).toBe(1)
    await (await waiting).release()
  })

  test('the commands take them with --raw', async () => {
    const theirs = await other()
    expect(await theirs.ask(`GET_LOCK('nightly', 0)`)).toBe(1)
    const run = lockpool(['run', 'nightly', '--raw', '-n', '--', 'true'], { url: world.url })
    expect(await run.ended).toBe(75)
    const who = lockpool(['who', 'nightly', '--raw'], { url: world.url })
    expect(await who.ended).toBe(0)
    const other_ = lockpool(['run', 'nightly', '-n', '--', 'true'], { url: world.url })
    expect(await other_.ended).toBe(0)
    const ended = lockpool(['break', 'nightly', '--raw', '--yes'], { url: world.url })
    expect(await ended.ended).toBe(0)
    const again = lockpool(['run', 'nightly', '--raw', '-n', '--', 'true'], { url: world.url })
    expect(await again.ended, again.err).toBe(0)
    others.splice(0)
  })

  test('names of our own, names with a quotation mark, and rows are refused', async () => {
    const locks = world.pool()
    for (const name of ['lp1abc', 'lpuse/1', 'a "b"', String.raw`a\b`, ' a', 'a ', '', 'ä', 'x'.repeat(65)])
      await expect(locks.acquire([name]), name).rejects.toMatchObject({ code: 'INVALID_KEY' })
    expect(() => locks.semaphore(['pdf'], 3)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }))
    await expect(world.pool({ backend: 'table', namespace: 'rows' }).acquire(['a'])).rejects.toMatchObject({
      code: 'INVALID_KEY',
    })
    await (await locks.acquire(['x'.repeat(64)])).release()
  })
})
