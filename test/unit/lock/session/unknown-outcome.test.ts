import { expect, test } from 'vitest'
import type { LockPool } from '../../../../src/lock/lock-pool.js'
import type { FakeConnection } from '../../../../src/testing/fake-connection.js'
import { rejection, stateOf } from '../../../support/fake-world.js'
import { poolWithDialect } from '../../../support/pool-with-dialect.js'

/** A pool that cannot find out what a failed batch has left at the server. */
function withoutReconciling() {
  return poolWithDialect(({ dialect }) => ({
    attach: async (...parts) => {
      const link = await dialect.attach(...parts)
      link.reconcile = () => Promise.reject(new Error('no answer'))
      return link
    },
  }))
}

test('a release whose outcome is unknown is not confirmed', async () => {
  const { clock, server, locks } = withoutReconciling()
  const lock = await locks.acquire('orders')
  server.failNextBatch(0)

  const lost = rejection(lock.release())
  await clock.run(100)

  expect(await lost).toMatchObject({ code: 'LOCK_LOST' })
  await Promise.all([locks.close({ graceMs: 0 }), clock.run(2000)])
})

test('nor is that of a permit', async () => {
  const { clock, server, locks } = withoutReconciling()
  const permit = await locks.semaphore('workers', 2).acquire()
  server.failNextBatch(0)

  const lost = rejection(permit.release())
  await clock.run(100)

  expect(await lost).toMatchObject({ code: 'LOCK_LOST' })
  await Promise.all([locks.close({ graceMs: 0 }), clock.run(2000)])
})

test.each([
  ['a lock', (locks: LockPool<FakeConnection>) => locks.acquire('orders', { timeoutMs: 60_000 })],
  [
    'a permit',
    (locks: LockPool<FakeConnection>) => locks.semaphore('workers', 2).acquire({ timeoutMs: 60_000 }),
  ],
])('a caller that waits for %s asks again on another session', async (_, acquire) => {
  const { clock, server, locks } = withoutReconciling()
  await locks.ready()
  server.failNextBatch(0)

  const asked = acquire(locks)
  await clock.run(2000)

  expect(await stateOf(asked)).toBe('fulfilled')
  await Promise.all([locks.close({ graceMs: 0 }), clock.run(2000)])
})
