import { expect, test } from 'vitest'
import { FakeLockPool } from '../../../../src/testing.js'

test.each([
  ['a name', 'orders', 'orders'],
  ['a bigint', 2n ** 60n, String(2n ** 60n)],
])('a lock on %s can be written as JSON, without anything of the inside', async (_, key, text) => {
  await using locks = new FakeLockPool()
  const lock = await locks.acquire(key, { label: 'nightly' })
  const told = { key: text, mode: 'exclusive', state: 'held', token: String(lock.token), label: 'nightly' }
  expect(JSON.parse(JSON.stringify({ lock }))).toEqual({ lock: told })
  await lock.release()
  expect(JSON.parse(JSON.stringify(lock))).toEqual({ ...told, state: 'released' })
})

test('a permit, with its number, and a group of locks are plain JSON as well', async () => {
  await using locks = new FakeLockPool()
  const permit = await locks.semaphore('gpu', 2).acquire()
  expect(JSON.parse(JSON.stringify(permit))).toMatchObject({
    ...{ key: 'gpu', number: permit.number, state: 'held', label: null },
  })
  await permit.release()
  const group = await locks.acquireAll(['a', 7n])
  expect(JSON.parse(JSON.stringify(group))).toMatchObject({
    locks: [{ mode: 'exclusive' }, { state: 'held' }],
  })
  await group.release()
})
