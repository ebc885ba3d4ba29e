import { expect, test, vi } from 'vitest'
import { fakeWorld, rejection } from '../../support/fake-world.js'

const LEASE_MS = 9000

test('a heartbeat that the server refuses ends the session: its locks are lost then, and not when the lease is over', async () => {
  const world = fakeWorld()
  const { dialect } = world.server
  const attach = dialect.attach.bind(dialect)
  let refusals = 0
  vi.spyOn(dialect, 'attach').mockImplementationOnce(async (...details) => ({
    ...(await attach(...details)),
    heartbeat: () => {
      refusals++
      return Promise.reject(new Error('permission denied'))
    },
  }))
  const locks = world.pool({ leaseMs: LEASE_MS, max: 2 })
  const lock = await locks.acquire('orders')
  let lostAt = Infinity
  const since = world.clock.now()
  lock.signal.addEventListener('abort', () => (lostAt = world.clock.now()))

  await world.clock.run(LEASE_MS)

  expect(lostAt - since).toBeLessThan(LEASE_MS / 2)
  expect(refusals, 'one is enough').toBe(1)
  expect(lock.state).toBe('lost')
  expect(await rejection(lock.release())).toMatchObject({
    code: 'LOCK_LOST',
    reason: 'its heartbeat failed',
    cause: { message: 'permission denied' },
  })
  expect((await locks.acquire('orders')).state, 'on another session').toBe('held')
})
