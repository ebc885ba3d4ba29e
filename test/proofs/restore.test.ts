import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { createDatabase } from '../support/database.js'
import { lockWorld } from '../support/lock-world.js'
import { canDump, dump, restore } from '../support/pg-dump.js'

/** Tokens keep growing if a database is restored from an older dump, and if a dump moves it to another database. */
const world = lockWorld()
const folder = mkdtempSync(join(tmpdir(), 'lockpool-dump-'))
const file = join(folder, 'dump')

afterAll(() => rmSync(folder, { recursive: true }))

async function drawn(locks: LockPool, draws: number): Promise<bigint> {
  let last = 0n
  for (let i = 0; i < draws; i++) {
    await using lock = await locks.acquire('orders')
    expect(lock.token).toBeGreaterThan(last)
    last = lock.token
  }
  return last
}

/** Draws a token in a new pool, like a process that has seen no token before. */
async function drawnAfresh(url = world.database.url): Promise<bigint> {
  const locks = world.pool({ connection: url })
  const token = await drawn(locks, 1)
  await locks.close()
  return token
}

/** Makes a dump, then draws tokens, and returns the last one. */
async function olderDump(...args: readonly string[]): Promise<bigint> {
  await drawnAfresh()
  dump(world.database.url, file, ...args)
  const locks = world.pool()
  const last = await drawn(locks, 200)
  await locks.close()
  return last
}

const CONTENTS_OF_OURS = ['--data-only', '--schema=lockpool']

const WAYS: Readonly<Record<string, () => Promise<void>>> = {
  'over what is there': async () => {
    const before = await olderDump()
    restore(world.database.url, file, '--clean', '--if-exists')
    expect(await drawnAfresh()).toBeGreaterThan(before)
  },
  'over what is there, while somebody has a lock': async () => {
    const locks = world.pool()
    const held = await locks.acquire('held')
    const before = await olderDump()
    restore(world.database.url, file, '--clean', '--if-exists')
    // The restore has removed the pool's sequence. The pool grants locks without tokens, and looks for a new sequence
    // after a second.
    const token = (): Promise<bigint> => drawn(locks, 1).catch(() => 0n)
    await expect.poll(token, { timeout: 10_000 }).toBeGreaterThan(before)
    expect(await drawnAfresh()).toBeGreaterThan(before)
    expect(held.state).toBe('held')
  },
  'as another database': async () => {
    const before = await olderDump()
    await using copy = await createDatabase()
    restore(copy.url, file)
    expect(await drawnAfresh(copy.url)).toBeGreaterThan(before)
    await world.closeAll()
  },
  'where the schema is made anew, with the contents alone': async () => {
    const before = await olderDump(...CONTENTS_OF_OURS)
    await world.database.query('DROP SCHEMA lockpool CASCADE')
    await drawnAfresh()
    await emptyTables()
    restore(world.database.url, file)
    expect(await drawnAfresh()).toBeGreaterThan(before)
  },
  // The sequence and the run of the server stay the same, so nothing shows the server that the contents are older.
  'in place, with the contents alone': async () => {
    const before = await olderDump(...CONTENTS_OF_OURS)
    await emptyTables()
    restore(world.database.url, file)
    expect(await drawnAfresh()).toBeGreaterThan(before)
  },
}

async function emptyTables(): Promise<void> {
  const { rows } = await world.database.query<{ names: string }>(
    `SELECT string_agg(format('lockpool.%I', tablename), ', ') AS names FROM pg_tables WHERE schemaname = 'lockpool'`,
  )
  await world.database.query(`TRUNCATE ${rows[0]!.names}`)
}

/** pg_dump refuses to dump a server that is newer than itself. */
const canRun = await canDump()

test.skipIf(!canRun).each(Object.keys(WAYS))('an earlier dump is restored %s, and tokens continue', (way) =>
  WAYS[way]!(),
)
