import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { fakeWorld, stateOf } from '../../support/fake-world.js'

test('a process that slept past its lease during a strict delay does not believe afterwards that it has the lock', async () => {
  const world = fakeWorld()
  const killed = world.pool({ strict: true, leaseMs: 15_000 })
  await killed.acquire('orders')
  for (const { serverId } of killed.snapshot().sessions) world.server.end(world.server.connection(serverId))
  const own = new ManualClock()
  const sleeps = world.pool({ strict: true, leaseMs: 10_000 }, own)
  const acquired = sleeps.acquire('orders', { timeoutMs: Infinity })
  await own.run(14_900)
  expect(sleeps.snapshot().keys).toMatchObject([{ state: 'delayed' }])
  const told: string[] = []
  sleeps.on('lock:acquired', ({ key }) => told.push(`${key} acquired`))
  sleeps.on('lock:lost', ({ key }) => told.push(`${key} lost`))

  // The timer for the end of the lock-delay is the first one that fires after the sleep. No heartbeat is due.
  own.suspend(9500)
  await own.run(150)

  expect(told, 'that it is theirs, or was').toEqual([])
  expect(await stateOf(acquired), 'it asks again, on a new session, and waits the delay').toBe('pending')
  await own.run(20_000)
  expect((await acquired).state).toBe('held')
  const closing = sleeps.close({ graceMs: 0 })
  await own.run(5000)
  await closing
})
