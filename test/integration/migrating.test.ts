import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import pg from 'pg'
import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

/** The key for a name, as docs/guides/migrating.md derives it. */
function keyOf(name: string): [number, number] {
  const hash = createHash('sha256').update(name).digest()
  return [hash.readInt32LE(0), hash.readInt32LE(4)]
}

const { default: createMutexes } = createRequire(import.meta.url)('advisory-lock') as {
  default: (url: string) => (name: string) => { tryLock(): Promise<(() => Promise<void>) | undefined> }
}

test('a lock of the package advisory-lock and its key here keep each other out', async () => {
  const locks = world.pool()
  const theirs = createMutexes(world.database.url)('nightly report')

  const lock = await locks.acquire(keyOf('nightly report'))
  expect(await theirs.tryLock()).toBeUndefined()
  await lock.release()
  const unlock = await theirs.tryLock()
  expect(unlock).toBeDefined()
  expect(await locks.tryAcquire(keyOf('nightly report'))).toBeNull()
  await unlock!()
})

test('a key of pg_advisory_lock is the same lock here, and a waiter gets it without a wake-up', async () => {
  const locks = world.pool()
  await using theirs = Object.assign(new pg.Client(world.database.url), {
    async [Symbol.asyncDispose](this: pg.Client) {
      await this.end()
    },
  })
  await theirs.connect()
  await theirs.query('SELECT pg_advisory_lock(4711)')
  expect(await locks.tryAcquire(4711n)).toBeNull()
  const waiting = locks.acquire(4711n)
  await theirs.query('SELECT pg_advisory_unlock(4711)')
  await (await waiting).release()
})
